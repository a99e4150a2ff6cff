"""v3: no forged, stale or foreign answer is ever taken; a rebooted or replaced agent is found again."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysnmp.entity import config
from pysnmp.proto import rfc1902
from pysnmp.proto.secmod.eso.priv import aes192, aes256

from monitor.collectors.snmp import ber, keys, usm, v3
from monitor.collectors.snmp.messages import PduType, Request, SnmpError, get
from monitor.collectors.snmp.talk import get_all, walk_table
from monitor.model import Reason
from monitor.secrets import Secret
from tests.snmp_support import (
    FIRM,
    PATIENT,
    SYS_NAME,
    USERS,
    Proxy,
    Snmpd,
    agent_at,
    ask_name,
    engine,
    failure,
    running_snmpd,
)

ENGINE = bytes.fromhex("800000020109840301")


@pytest.fixture(scope="module")
def snmpd() -> Iterator[Snmpd]:
    with running_snmpd() as daemon:
        yield daemon


def session(user: bytes = b"sha1aes") -> usm.Session:
    return usm.Session(USERS[user], random.Random(1).getrandbits(64))


# --- keys ---


def test_keys_of_rfc_3414() -> None:
    """Appendix A.3: "maplesyrup" at engine 00…02."""
    engine_id = bytes(11) + b"\x02"
    ku = keys.stretch(b"maplesyrup", keys.Auth.MD5)
    assert ku.hex() == "9faf3283884e92834ebc9847d8edd963"
    assert keys.localize(ku, keys.Auth.MD5, engine_id).hex() == "526f5eed9fcce26f8964c2930787d82b"
    ku = keys.stretch(b"maplesyrup", keys.Auth.SHA1)
    assert ku.hex() == "9fb5cc0381497b3793528939ff788d5d79145211"
    assert keys.localize(ku, keys.Auth.SHA1, engine_id).hex() == "6695febc9288e36282235fc7151f128497b38f3f"


@pytest.mark.parametrize(
    ("priv", "theirs"),
    [
        (keys.Priv.AES192, aes192.AesBlumenthal192()),
        (keys.Priv.AES256, aes256.AesBlumenthal256()),
        (keys.Priv.AES192C, aes192.Aes192()),
        (keys.Priv.AES256C, aes256.Aes256()),
    ],
)
@pytest.mark.parametrize(
    ("auth", "service"),
    [
        (keys.Auth.MD5, config.USM_AUTH_HMAC96_MD5),
        (keys.Auth.SHA1, config.USM_AUTH_HMAC96_SHA),
        (keys.Auth.SHA256, config.USM_AUTH_HMAC192_SHA256),
    ],
)
def test_both_key_extensions_are_those_of_pysnmp(
    auth: keys.Auth, service: tuple[int, ...], priv: keys.Priv, theirs: aes192.Aes192
) -> None:
    user = keys.User(b"u", auth, Secret("authentication"), priv, Secret("maplesyrup"))
    ours = keys.keys_for(user, ENGINE)
    assert ours is not None
    ku = theirs.hash_passphrase(service, b"maplesyrup")
    assert ours.cipher is not None
    assert ours.cipher.key == bytes(theirs.localize_key(service, ku, rfc1902.OctetString(ENGINE)))


@given(st.binary(max_size=100), st.sampled_from(keys.Priv), st.sampled_from(keys.Auth))
def test_what_is_encrypted_decrypts_to_itself(plain: bytes, priv: keys.Priv, auth: keys.Auth) -> None:
    secret = keys.Keys(auth, b"a" * 16, priv, b"k" * priv.key_size)
    hidden = keys.encrypt(secret, 3, 77, b"saltsalt", plain)
    assert keys.decrypt(secret, 3, 77, b"saltsalt", hidden)[: len(plain)] == plain


def test_a_user_needs_authentication_before_privacy() -> None:
    with pytest.raises(ValueError):
        keys.User(b"u", None, None, keys.Priv.DES, Secret("x"))
    with pytest.raises(ValueError):
        keys.User(b"u", keys.Auth.MD5)


def test_secrets_do_not_show() -> None:
    secret = keys.keys_for(USERS[b"sha1aes"], ENGINE)
    assert secret is not None
    for shown in (repr(secret), repr(USERS[b"sha1aes"]), repr(session())):
        assert "pass" not in shown.replace("_pass", "")
        assert secret.auth_key.hex() not in shown


# --- against net-snmp ---


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.decode())
async def test_every_protocol_agrees_with_net_snmp(snmpd: Snmpd, user: bytes) -> None:
    async with engine(PATIENT) as ours:
        agent = agent_at(snmpd.port, session(user))
        assert await ask_name(ours, agent) == b"camwatch-test"
        (column,) = await ours.ask(agent, walk_table((ber.oid("1.3.6.1.2.1.1"),), agent.limits), 60)
        assert len(column.indexes) > 20
        assert not ours.stats


async def test_an_agent_costs_one_message_once_it_is_known(snmpd: Snmpd) -> None:
    proxy = Proxy(("127.0.0.1", snmpd.port))
    with proxy.running() as port:
        async with engine(PATIENT) as ours:
            agent = agent_at(port, session())
            await ask_name(ours, agent)
            before = len(proxy.replies)
            for _ in range(3):
                await ask_name(ours, agent)
            assert len(proxy.replies) == before + 3


@pytest.mark.parametrize(
    ("user", "word"),
    [
        (keys.User(b"nobody", keys.Auth.SHA1, Secret("auth pass 2")), "user"),
        (keys.User(b"sha1aes", keys.Auth.SHA1, Secret("wrong pass")), "digest"),
        (keys.User(b"sha1aes", keys.Auth.SHA256, Secret("auth pass 2")), "digest"),
        (
            keys.User(
                b"sha1aes", keys.Auth.SHA1, Secret("auth pass 2"), keys.Priv.AES128, Secret("wrong pass")
            ),
            "",
        ),
        (keys.User(b"open", keys.Auth.SHA1, Secret("auth pass 2")), "level"),
        (keys.User(b"sha1aes", keys.Auth.SHA1, Secret("auth pass 2")), "authorizationError"),
    ],
    ids=["unknown user", "wrong key", "wrong protocol", "wrong privacy key", "wrong level", "level too low"],
)
async def test_wrong_credentials_are_told_as_auth(snmpd: Snmpd, user: keys.User, word: str) -> None:
    """A wrong privacy key makes the agent silent or complain, as its version goes: never a value."""
    async with engine(FIRM) as ours:
        error = await failure(ours, agent_at(snmpd.port, usm.Session(user, 1)), get_all(get(SYS_NAME)))
        if word:
            assert error.reason is Reason.AUTH
            assert word in error.detail
        else:
            assert error.reason in (Reason.AUTH, Reason.TIMEOUT)


def _blank(data: bytes) -> bytes:
    at = v3.read_message(data)
    return data[: at.digest_at] + bytes(at.digest_size) + data[at.digest_at + at.digest_size :]


def _flip(data: bytes) -> bytes:
    at = v3.read_message(data).digest_at
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def _flip_end(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


def _unsigned(data: bytes) -> bytes:
    """The same answer without digest and flag. Of what is encrypted, nothing can be made without the key."""
    message = v3.read_message(data)
    if message.flags & v3.PRIV:
        return v3.build(
            message.id, 0, message.engine_id, message.boots, message.time, message.user, None, b"",
            _pdu(PduType.RESPONSE, message.id, SYS_NAME, b"\x04\x06forged"),
        )  # fmt: skip
    _, start, _ = ber.frame(data, message.start, message.stop)
    for _ in range(2):
        _, _, start = ber.frame(data, start, message.stop)
    return v3.build(
        message.id, 0, message.engine_id, message.boots, message.time, message.user, None, b"", data[start:]
    )


@pytest.mark.parametrize("forge", [_blank, _flip, _flip_end, _unsigned])
@pytest.mark.parametrize("user", [b"sha1aes", b"sha224", b"md5des"], ids=lambda user: user.decode())
async def test_a_forged_answer_is_never_taken(snmpd: Snmpd, user: bytes, forge: object) -> None:
    """Zeroed, flipped and missing digests, and a flipped bit of what they protect."""
    proxy = Proxy(("127.0.0.1", snmpd.port))
    with proxy.running() as port:
        async with engine(PATIENT) as ours:
            agent = agent_at(port, session(user))
            assert await ask_name(ours, agent) == b"camwatch-test"
            proxy.meddle = lambda reply: [forge(reply)]  # type: ignore[operator]  # one of the four above
            ours.settings = FIRM
            error = await failure(ours, agent, get_all(get(SYS_NAME)))
            assert error.reason in (Reason.AUTH, Reason.PROTOCOL)
            ours.settings = PATIENT
            proxy.meddle = lambda reply: [reply]
            assert await ask_name(ours, agent) == b"camwatch-test"


async def test_a_replayed_answer_is_never_taken(snmpd: Snmpd) -> None:
    proxy = Proxy(("127.0.0.1", snmpd.port))
    with proxy.running() as port:
        async with engine(PATIENT) as ours:
            agent = agent_at(port, session())
            await ask_name(ours, agent)
            old = proxy.replies[-1]
            proxy.meddle = lambda reply: [old]
            ours.settings = FIRM
            assert (await failure(ours, agent, get_all(get(SYS_NAME)))).reason is Reason.TIMEOUT
            assert ours.stats["late_or_unasked"] >= 1


async def test_a_rebooted_agent_is_found_again(snmpd: Snmpd) -> None:
    async with engine(PATIENT) as ours:
        agent = agent_at(snmpd.port, session())
        assert await ask_name(ours, agent) == b"camwatch-test"
        assert isinstance(agent.session, usm.Session)
        boots = agent.session.boots
        snmpd.stop()
        snmpd.start()
        assert await ask_name(ours, agent) == b"camwatch-test"
        assert agent.session.boots > boots


async def test_a_new_engine_id_is_taken_up() -> None:
    with running_snmpd() as daemon:
        async with engine(PATIENT) as ours:
            agent = agent_at(daemon.port, session(b"sha256"))
            assert await ask_name(ours, agent) == b"camwatch-test"
            assert isinstance(agent.session, usm.Session)
            before = agent.session.engine_id
            daemon.stop()
            daemon.forget_engine()
            daemon.start(engine_id="second")
            assert await ask_name(ours, agent) == b"camwatch-test"
            assert agent.session.engine_id not in (b"", before)


async def test_an_agent_that_has_lost_count_of_its_boots_is_found_again() -> None:
    """A replaced device with the same engine ID counts its boots from one: nothing is taken while it looks
    like a replay, and the next poll begins anew."""
    with running_snmpd() as daemon:
        async with engine(PATIENT) as ours:
            agent = agent_at(daemon.port, session())
            await ask_name(ours, agent)
            assert isinstance(agent.session, usm.Session)
            agent.session.boots += 5
            ours.settings = FIRM
            error = await failure(ours, agent, get_all(get(SYS_NAME)))
            assert error.reason is Reason.AUTH
            ours.settings = PATIENT
            assert await ask_name(ours, agent) == b"camwatch-test"


# --- what a session believes, message by message ---


class Station:
    """An agent's side, made by hand, so that each field can be wrong."""

    def __init__(self, user: keys.User) -> None:
        self.user = user
        self.keys = keys.keys_for(user, ENGINE)
        self.session = usm.Session(user, 1)
        self.level = self.session.level

    def report(
        self, request_id: int, counter: bytes, flags: int = 0, boots: int = 5, time: int = 1000
    ) -> v3.Message:
        pdu = _pdu(PduType.REPORT, request_id, counter, b"\x41\x01\x01")
        return self.message(request_id, pdu, flags=flags, boots=boots, time=time)

    def message(
        self,
        message_id: int,
        pdu: bytes,
        *,
        flags: int | None = None,
        boots: int = 5,
        time: int = 1000,
        engine_id: bytes = ENGINE,
        user: bytes | None = None,
        context: bytes = b"",
    ) -> v3.Message:
        data = v3.build(
            message_id,
            self.level if flags is None else flags,
            engine_id,
            boots,
            time,
            self.user.name if user is None else user,
            self.keys,
            b"saltsalt",
            pdu,
            context,
        )
        return v3.read_message(data)

    def discover(self) -> None:
        self.session.encode(get(SYS_NAME), 1, 0.0)
        assert self.session.receive(self.report(1, usm.UNKNOWN_ENGINE_ID), 1, 0.0) is None
        assert self.session.engine_id == ENGINE

    def answer(self, request_id: int = 2, **fields: object) -> v3.Message:
        pdu = _pdu(PduType.RESPONSE, request_id, SYS_NAME, b"\x04\x02ok")
        return self.message(request_id, pdu, **fields)  # type: ignore[arg-type]  # keywords of ``message``


def _pdu(kind: PduType, request_id: int, name: bytes, value: bytes) -> bytes:
    binding = ber.tlv(0x30, ber.tlv(ber.OID, name) + value)
    numbers = b"".join(map(ber.encode_integer, (request_id, 0, 0)))
    return ber.tlv(kind, numbers + ber.tlv(0x30, binding))


@pytest.fixture(params=[b"sha1aes", b"sha224"], ids=lambda user: user.decode())
def station(request: pytest.FixtureRequest) -> Station:
    made = Station(USERS[request.param])
    made.discover()
    return made


def taken(station: Station, message: v3.Message, now: float = 0.0) -> bool:
    try:
        return station.session.receive(message, 2, now) is not None
    except (usm.Distrust, SnmpError, ber.BerError):
        return False


def test_a_good_answer_is_taken(station: Station) -> None:
    reply = station.session.receive(station.answer(), 2, 0.0)
    assert reply is not None
    assert reply.value(0) == b"ok"


@pytest.mark.parametrize(
    "fields",
    [
        {"flags": 0},
        {"engine_id": ENGINE + b"x"},
        {"user": b"other"},
        {"context": b"vlan-7"},
        {"boots": v3.MAX_BOOTS},
    ],
    ids=["not signed", "another engine", "another user", "another context", "boots at the end"],
)
def test_an_answer_that_is_wrong_in_one_field_is_not_taken(
    station: Station, fields: dict[str, object]
) -> None:
    assert not taken(station, station.answer(**fields))
    assert taken(station, station.answer())


def test_encryption_without_a_digest_is_not_taken(station: Station) -> None:
    """RFC 3412 section 7.2 (5d)."""
    data = station.answer(flags=0).data
    flags_at = data.index(b"\x04\x01\x00\x02\x01\x03") + 2
    scoped_at = station.answer(flags=0).start
    hidden = (
        data[:flags_at] + bytes((v3.PRIV,)) + data[flags_at + 1 : scoped_at] + b"\x04" + data[scoped_at + 1 :]
    )
    assert not taken(station, v3.read_message(hidden))


def test_an_answer_to_another_request_is_not_taken(station: Station) -> None:
    pdu = _pdu(PduType.RESPONSE, 3, SYS_NAME, b"\x04\x02ok")
    assert not taken(station, station.message(2, pdu))


def test_an_answer_signed_but_not_encrypted_is_too_little_for_auth_priv() -> None:
    station = Station(USERS[b"sha1aes"])
    station.discover()
    assert not taken(station, station.answer(flags=v3.AUTH))


def test_no_pdu_but_a_response_carries_values(station: Station) -> None:
    for kind in (PduType.REPORT, PduType.GET, PduType.TRAP, PduType.INFORM):
        assert not taken(station, station.message(2, _pdu(kind, 2, SYS_NAME, b"\x04\x02no")))


def test_answers_outside_the_time_window_are_not_taken(station: Station) -> None:
    assert taken(station, station.answer(boots=5, time=1000), now=0)
    assert taken(station, station.answer(boots=5, time=900), now=0)  # overtaken on the way
    assert not taken(station, station.answer(boots=5, time=849), now=0)
    assert not taken(station, station.answer(boots=4, time=5000), now=0)
    assert not taken(station, station.answer(boots=5, time=1000), now=151)  # recorded and kept
    assert taken(station, station.answer(boots=6, time=1), now=151)
    assert not taken(station, station.answer(boots=5, time=1200), now=151)


def test_a_report_of_time_is_believed_only_with_a_digest(station: Station) -> None:
    assert taken(station, station.answer())
    with pytest.raises(usm.Distrust):
        station.session.receive(station.report(2, usm.NOT_IN_TIME_WINDOW, boots=9), 2, 0.0)
    assert station.session.boots == 5
    assert (
        station.session.receive(station.report(2, usm.NOT_IN_TIME_WINDOW, v3.AUTH, boots=9), 2, 0.0) is None
    )
    assert station.session.boots == 9


def test_before_discovery_only_the_engine_id_is_heard() -> None:
    for counter in (*usm.REFUSALS, usm.NOT_IN_TIME_WINDOW, SYS_NAME):
        station = Station(USERS[b"sha1aes"])
        station.session.encode(Request(PduType.GET, (SYS_NAME,)), 1, 0.0)
        with pytest.raises(usm.Distrust):
            station.session.receive(station.report(1, counter), 1, 0.0)


def test_an_unsigned_answer_to_the_discovery_gives_no_value() -> None:
    station = Station(USERS[b"sha224"])
    station.session.encode(get(SYS_NAME), 2, 0.0)
    assert not taken(station, station.answer(flags=0))


def test_a_privacy_salt_is_never_used_twice() -> None:
    for user in (b"sha1aes", b"md5des"):
        station = Station(USERS[user])
        station.discover()
        salts = {
            v3.read_message(station.session.encode(get(SYS_NAME), 1 << 30, 0.0)).salt for _ in range(500)
        }
        assert len(salts) == 500


@given(st.data())
def test_a_message_changed_anywhere_is_not_taken(data: st.DataObject) -> None:
    """Any octet of a signed answer, to any other value."""
    station = Station(USERS[data.draw(st.sampled_from([b"sha1aes", b"sha224", b"md5des"]))])
    station.discover()
    good = station.answer().data
    at = data.draw(st.integers(0, len(good) - 1))
    octet = data.draw(st.integers(0, 255).filter(lambda octet: octet != good[at]))
    try:
        message = v3.read_message(good[:at] + bytes((octet,)) + good[at + 1 :])
    except ber.BerError:
        return
    assert not taken(station, message)
