"""SNMP: a small engine of our own (v1, v2c, v3), profiles by sysObjectID, rates, traps.

===========================  ========================================================================
ber                          the codec: definite-length BER, as RFC 3417 section 8 restricts it
messages                     requests, replies and the v1/v2c envelope
keys, v3, usm                v3: keys and ciphers; the message; what is believed of an engine
talk                         conversations as generators, no I/O: get, walk a table
agents, engine, wheel, udp   matching, retries, windows, ICMP errors: the only sockets
aiosnmp_engine               another engine behind the same interface
profiles, expression         what to ask of a device type, in TOML; ``metrics``: the table of it all
poll, groups, rates, values  replies to readings
topology, ports              which port a camera hangs on
credentials, collector       the check
notification, traptable,     the receiver of traps and informs
traps
look                         a close look by hand, for the command line
===========================  ========================================================================
"""
