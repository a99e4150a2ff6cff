/* net-snmp's own library, asynchronously: many agents, one GET of ten objects each, again and again.
 *
 *   snmp_netsnmp PORT AGENTS ROUNDS               v2c, agents 127.1.x.y
 *   snmp_netsnmp PORT AGENTS ROUNDS v3            one agent at 127.0.0.1, user "bench"
 *
 * Prints the CPU seconds of the rounds and how many answers came.
 */
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/library/large_fd_set.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static long answered, waiting;

static int answer(int op, netsnmp_session *s, int id, netsnmp_pdu *pdu, void *magic)
{
    (void)s; (void)id; (void)magic;
    if (op == NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE && pdu->errstat == SNMP_ERR_NOERROR)
        answered++;
    waiting--;
    return 1;
}

static double cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    int port = atoi(argv[1]), agents = atoi(argv[2]), rounds = atoi(argv[3]), v3 = argc > 4;
    netsnmp_session template, **sessions = calloc(agents, sizeof *sessions);
    char peer[64];
    init_snmp("bench");
    snmp_sess_init(&template);
    template.retries = 1;
    template.timeout = 5000000;
    template.callback = answer;
    if (v3) {
        template.version = SNMP_VERSION_3;
        template.securityName = "bench";
        template.securityNameLen = 5;
        template.securityLevel = SNMP_SEC_LEVEL_AUTHPRIV;
        template.securityAuthProto = usmHMACSHA1AuthProtocol;
        template.securityAuthProtoLen = USM_AUTH_PROTO_SHA_LEN;
        template.securityAuthKeyLen = USM_AUTH_KU_LEN;
        generate_Ku(usmHMACSHA1AuthProtocol, USM_AUTH_PROTO_SHA_LEN, (u_char *)"bench auth", 10,
                    template.securityAuthKey, &template.securityAuthKeyLen);
        template.securityPrivProto = usmAESPrivProtocol;
        template.securityPrivProtoLen = OID_LENGTH(usmAESPrivProtocol);
        template.securityPrivKeyLen = USM_PRIV_KU_LEN;
        generate_Ku(usmHMACSHA1AuthProtocol, USM_AUTH_PROTO_SHA_LEN, (u_char *)"bench priv", 10,
                    template.securityPrivKey, &template.securityPrivKeyLen);
    } else {
        template.version = SNMP_VERSION_2c;
        template.community = (u_char *)"public";
        template.community_len = 6;
    }
    for (int n = 0; n < agents; n++) {
        int last = n + 1;
        if (v3)
            snprintf(peer, sizeof peer, "udp:127.0.0.1:%d", port);
        else
            snprintf(peer, sizeof peer, "udp:127.1.%d.%d:%d", last >> 8, last & 255, port);
        template.peername = peer;
        sessions[n] = snmp_open(&template);
        if (!sessions[n]) {
            snmp_sess_perror("open", &template);
            return 1;
        }
    }
    oid names[10][MAX_OID_LEN];
    size_t lengths[10];
    for (int k = 0; k < 10; k++) {
        char text[64];
        lengths[k] = MAX_OID_LEN;
        if (v3)
            snprintf(text, sizeof text, ".1.3.6.1.2.1.1.%d.0", k % 6 + 1);
        else if (k == 0)
            snprintf(text, sizeof text, ".1.3.6.1.2.1.1.3.0");
        else
            snprintf(text, sizeof text, ".1.3.6.1.2.1.31.1.1.1.6.%d", k);
        read_objid(text, names[k], &lengths[k]);
    }
    double started = cpu();
    for (int r = 0; r < rounds; r++) {
        for (int n = 0; n < agents; n++) {
            netsnmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_GET);
            for (int k = 0; k < 10; k++)
                snmp_add_null_var(pdu, names[k], lengths[k]);
            if (snmp_send(sessions[n], pdu))
                waiting++;
            else
                snmp_free_pdu(pdu);
        }
        while (waiting > 0) {
            int fds = 0, block = 0;
            struct timeval limit = {1, 0};
            netsnmp_large_fd_set set;
            netsnmp_large_fd_set_init(&set, FD_SETSIZE);
            NETSNMP_LARGE_FD_ZERO(&set);
            snmp_select_info2(&fds, &set, &limit, &block);
            int ready = netsnmp_large_fd_set_select(fds, &set, NULL, NULL, &limit);
            if (ready > 0)
                snmp_read2(&set);
            else
                snmp_timeout();
            netsnmp_large_fd_set_cleanup(&set);
        }
    }
    printf("%f %ld\n", cpu() - started, answered);
    return 0;
}
