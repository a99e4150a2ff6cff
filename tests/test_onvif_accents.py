"""Cameras answer in many accents that the standards allow, or that many of them have: all are understood, and
none of it lets anything else pass for an answer."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.collectors.digest import Answerer, Scheme, parse_challenges
from monitor.collectors.http1 import ResponseReader, WireError
from monitor.collectors.onvif import answers, soap
from monitor.collectors.onvif.collector import OnvifCollector, OnvifSettings
from monitor.collectors.onvif.wsd import parse_match
from monitor.collectors.pin import pin
from monitor.model import Reason
from monitor.secrets import Secret
from monitor.simulate import onvif_replies
from monitor.simulate.camera import SimCamera
from tests.camera_support import USER, ask, credentials, env, target, value
from tests.test_onvif_answers import answer

DEVICE, MEDIA = (service.value for service in soap.Service)
INFORMATION = (
    "<{p}Manufacturer>A</{p}Manufacturer><{p}Model>M</{p}Model>"
    "<{p}FirmwareVersion>1</{p}FirmwareVersion><{p}SerialNumber>S</{p}SerialNumber>"
)


def envelope(body: str, soap_ns: str = "http://www.w3.org/2003/05/soap-envelope", prefix: str = "s") -> str:
    return (
        f'<{prefix}:Envelope xmlns:{prefix}="{soap_ns}">'
        f"<{prefix}:Body>{body}</{prefix}:Body></{prefix}:Envelope>"
    )


def said(prefix: str = "tds:", namespace: str = DEVICE) -> str:
    at = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    declared = f' {at}="{namespace}"' if namespace else ""
    fields = INFORMATION.format(p=prefix)
    return f"<{prefix}GetDeviceInformationResponse{declared}>{fields}</{prefix}GetDeviceInformationResponse>"


GBK_NAME = said().replace(">M<", ">东门球机<")


@pytest.mark.parametrize(
    "raw",
    [
        envelope(said()).encode(),
        envelope(said(prefix="")).encode(),
        envelope(said(prefix="ns1:")).encode(),
        envelope(said(), "http://schemas.xmlsoap.org/soap/envelope/", "SOAP-ENV").encode(),  # SOAP 1.1
        envelope(said(namespace=DEVICE + "/")).encode(),
        envelope(said(prefix="", namespace="")).encode(),
        b"\xef\xbb\xbf<?xml version='1.0'?>\r\n" + envelope(said()).encode() + b"\r\n\0",
        b"\r\n\t" + envelope(said()).encode(),
        b'<?xml version="1.0" encoding="utf8"?>' + envelope(said()).encode(),
        b'<?xml version="1.0" encoding="GB2312"?>' + envelope(GBK_NAME).encode("gb18030"),
        b'<?xml version="1.0" encoding="UTF-8"?>' + envelope(GBK_NAME).encode("gb18030"),  # not as declared
        ('<?xml version="1.0" encoding="utf-16"?>' + envelope(GBK_NAME)).encode("utf-16"),
        envelope("<!-- gSOAP -->\n" + said().replace(">A<", "><![CDATA[A & B]]><")).encode(),
        envelope(said().replace("<tds:SerialNumber>S</tds:SerialNumber>", "<tds:SerialNumber/>")).encode(),
        envelope(said().replace(">1<", "><")).encode(),
    ],
)
def test_the_answer_is_known_in_every_spelling(raw: bytes) -> None:
    found = answers.information(answers.response(soap.GET_INFORMATION, answer(raw)))
    assert found.model in ("M", "东门球机")


@pytest.mark.parametrize(
    "body",
    [
        said(namespace=MEDIA),
        said(namespace="http://example.net/"),
        said().replace("GetDeviceInformationResponse", "GetDeviceInformation"),
        "<other/>" + said(),
        said().replace(">M<", "><").replace(">S<", "><"),
        said().replace(">A<", "><").replace(">1<", "><"),
    ],
)
def test_what_is_not_that_answer_is_refused(body: str) -> None:
    with pytest.raises(WireError):
        answers.information(answers.response(soap.GET_INFORMATION, answer(envelope(body).encode())))


SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value xmlns:ter='t'>ter:NotAuthorized</s:Value>"
         "</s:Subcode></s:Code><s:Reason><s:Text xml:lang='en'>Sender</s:Text></s:Reason>", Reason.AUTH),
        ("<faultcode>wsse:FailedAuthentication</faultcode><faultstring>x</faultstring>", Reason.AUTH),
        ("<faultcode>SOAP-ENV:Client</faultcode><faultstring>Wsse authorized time check failed</faultstring>",
         Reason.AUTH),
        ("<faultcode>s:Client</faultcode><faultstring>Wrong username or password</faultstring>", Reason.AUTH),
        ("<s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>ter:ActionNotSupported</s:Value></s:Subcode>"
         "</s:Code><s:Reason><s:Text>Optional Action Not Implemented</s:Text></s:Reason>", Reason.UNEXPECTED),
        ("<faultcode>s:Server</faultcode><faultstring>internal</faultstring>", Reason.UNEXPECTED),
    ],
)  # fmt: skip
@pytest.mark.parametrize("namespace", [SOAP_11, "http://www.w3.org/2003/05/soap-envelope"])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_faults_of_both_soaps_are_told_apart(fault: str, reason: Reason, namespace: str, status: int) -> None:
    raw = envelope(f"<s:Fault>{fault}</s:Fault>", namespace).encode()
    with pytest.raises(WireError) as refused:
        answers.response(soap.GET_INFORMATION, answer(raw, status))
    assert refused.value.reason is reason


def whole(raw: bytes, *, eof: bool = False) -> ResponseReader:
    reader = ResponseReader(100_000)
    for at in range(0, len(raw), 7):
        reader.feed(raw[at : at + 7])
    if eof:
        reader.eof()
    return reader


BODY = b"<a>hello</a>"


@pytest.mark.parametrize(
    ("head", "body", "eof", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 12\r\n\r\n", BODY, False, True),
        (b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", BODY, False, True),
        (b"HTTP/1.1 200\r\ncontent-length:12\r\n\r\n", BODY, False, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12, 12\r\n\r\n", BODY, False, True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\n", BODY, False, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 12\r\nConnection: Keep-Alive\r\n\r\n", BODY, False, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: TE, Close\r\n\r\n", BODY, False, False),
        (b"HTTP/1.0 200 OK\r\nServer: gSOAP\r\n\r\n", BODY, True, False),
        (b"HTTP/1.1 200 OK\nContent-Length: 12\n\n", BODY, False, True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", BODY, False, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n",
         b"5;x=y\r\n<a>he\r\n0007 \r\nllo</a>\r\n0\r\nTrailer: 1\r\n\r\n", False, True),
    ],
)  # fmt: skip
def test_http_is_read_in_every_way_that_servers_write_it(
    head: bytes, body: bytes, eof: bool, kept: bool
) -> None:
    found = whole(head + body, eof=eof).answer
    assert found is not None
    assert (found.status, found.body, found.keep_alive) == (200, BODY, kept)


def test_lengths_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(WireError):
        whole(b"HTTP/1.1 200 OK\r\nContent-Length: 12, 13\r\n\r\n" + BODY)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("", "md5"),
        ("MD5", "md5"),
        ("MD5-sess", "md5"),
        ("SHA-256", "sha256"),
        ("sha-256-SESS", "sha256"),
        ("SHA-512-256", "sha512_256"),
    ],
)
@pytest.mark.parametrize("qop", ['"auth"', '"auth-int"', '"auth-int,auth"', "auth", ""])
def test_every_digest_is_answered_as_rfc_7616_says(written: str, name: str, qop: str) -> None:
    offer = f'Digest realm="a, b", nonce="n1"{f", qop={qop}" if qop else ""}, opaque="o"'
    offer += f", algorithm={written}" if written else ""
    (challenge,) = parse_challenges(['Basic realm="x, Digest"', offer])[:1]
    header = Answerer(challenge, USER, Secret("pw"), "c1").header("POST", "/x", b"\xffbody")

    def hashed(data: bytes) -> str:
        return hashlib.new(name, data).hexdigest()

    ha1 = hashed(f"{USER}:a, b:pw".encode())
    if written.lower().endswith("-sess"):
        ha1 = hashed(f"{ha1}:n1:c1".encode())
    used = "auth" if "auth" in qop.strip('"').split(",") else qop.strip('"')
    protected = b":" + hashed(b"\xffbody").encode() if used == "auth-int" else b""
    ha2 = hashed(b"POST:/x" + protected)
    middle = f"00000001:c1:{used}:" if used else ""
    assert f'response="{hashed(f"{ha1}:n1:{middle}{ha2}".encode())}"' in header


@pytest.mark.parametrize(
    ("uri", "ip", "foreign"),
    [
        ("http://[2001:DB8:0:0::7]/onvif/media", "2001:db8::7", False),
        ("http://[fe80::1%25eth0]:8080/onvif/media", "fe80::1%eth1", False),
        ("http://[2001:db8::8]/onvif/media", "2001:db8::7", True),
        ("HTTP://10.0.0.7:80/onvif/media?x=1", "10.0.0.7", False),
        ("http://10.0.0.8/onvif/media", "10.0.0.7", True),
    ],
)
def test_addresses_of_both_families_are_pinned(uri: str, ip: str, foreign: bool) -> None:
    found = pin(uri, ip, ("http",), ((1, 65535),))
    assert found is not None
    assert found.foreign is foreign


def test_a_match_is_known_by_its_id_and_of_its_addresses_its_own_is_taken() -> None:
    raw = envelope(
        '<d:ProbeMatches xmlns:d="d"><d:ProbeMatch><d:Types>tds:Device</d:Types>'
        "<d:Scopes>onvif://www.onvif.org/name/Gate%207 onvif://www.onvif.org/hardware/X</d:Scopes>"
        "<d:XAddrs>http://[fe80::1]/onvif http://192.168.1.9/onvif http://10.0.0.7/onvif</d:XAddrs>"
        "</d:ProbeMatch></d:ProbeMatches>"
    ).replace("<s:Body>", "<s:Header><a:RelatesTo xmlns:a='a'>uuid:AB-1</a:RelatesTo></s:Header><s:Body>")
    found = parse_match(raw.encode(), "urn:uuid:ab-1", "10.0.0.7")
    assert found is not None
    assert (found.name, found.service) == ("Gate 7", "http://10.0.0.7/onvif")
    assert parse_match(raw.encode(), "urn:uuid:ab-2", "10.0.0.7") is None


@dataclass
class Accent:
    """A camera of another make: a real server, with its replies bent as ``bend`` says."""

    bend: Callable[[str, str], str | None]
    """Of call and reply; ``None`` is a SOAP fault "not supported"."""
    http: str = "HTTP/1.1"
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        camera = SimCamera("127.0.0.1", "ACCENT-1")
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(re.search(rb"Content-Length: (\d+)", head)[1])  # type: ignore[index]  # ours
                body = await reader.readexactly(length)
                call = re.search(rb"<s:Body><(\w+)", body)[1].decode()  # type: ignore[index]  # ours
                self.asked.append(call)
                told: str | None = (
                    _SERVICES.replace("PORT", str(port))
                    if call == "GetServices"
                    else onvif_replies.reply(
                        camera, call, SystemClock().now().wall / 1000, "127.0.0.1", port, 554
                    ).decode()
                )
                told = self.bend(call, told or "")
                status = "200 OK"
                if told is None:
                    status, told = "500 Internal Server Error", envelope(_UNSUPPORTED)
                raw = told.encode()
                writer.write(f"{self.http} {status}\r\nCONTENT-LENGTH: {len(raw)}\r\n\r\n".encode() + raw)
                if self.http == "HTTP/1.0":
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


_UNSUPPORTED = (
    "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>ter:ActionNotSupported</s:Value>"
    "</s:Subcode></s:Code></s:Fault>"
)
_SERVICES = envelope(
    f'<tds:GetServicesResponse xmlns:tds="{DEVICE}"><tds:Service><tds:Namespace>{DEVICE}</tds:Namespace>'
    "<tds:XAddr>http://127.0.0.1:PORT/onvif/device_service</tds:XAddr></tds:Service><tds:Service>"
    f"<tds:Namespace>{MEDIA}</tds:Namespace><tds:XAddr>http://127.0.0.1:PORT/onvif/Media</tds:XAddr>"
    "</tds:Service></tds:GetServicesResponse>"
)


@asynccontextmanager
async def speaking(accent: Accent, tmp_path: Path) -> AsyncIterator[OnvifCollector]:
    server = await asyncio.start_server(accent.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        settings = {"port": port, "wsd_port": 0, "credentials": credentials(tmp_path / "secret")}
        yield OnvifCollector(OnvifSettings.model_validate({"ports": "443,554,1024-1025", **settings}), env())


def _plain(call: str, told: str) -> str:
    return told


def _no_capabilities(call: str, told: str) -> str | None:
    return None if call == "GetCapabilities" else told


def _no_media(call: str, told: str) -> str:
    return re.sub(r"<tt:Media>.*?</tt:Media>", "", told, flags=re.S) if call == "GetCapabilities" else told


def _media_by_tls(call: str, told: str) -> str:
    return re.sub(r"http://([^<]*)/onvif/Media", r"https://127.0.0.1/onvif/Media", told)


def _no_snapshot(call: str, told: str) -> str | None:
    return None if call == "GetSnapshotUri" else told


def _empty_snapshot(call: str, told: str) -> str:
    return re.sub(r"<tt:Uri>.*?</tt:Uri>", "<tt:Uri/>", told) if call == "GetSnapshotUri" else told


@pytest.mark.parametrize("http", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize(
    "bend", [_plain, _no_capabilities, _no_media, _media_by_tls, _no_snapshot, _empty_snapshot]
)
async def test_a_camera_of_another_make_is_well(
    tmp_path: Path, bend: Callable[[str, str], str | None], http: str
) -> None:
    accent = Accent(bend, http)
    async with speaking(accent, tmp_path) as check:
        result = (await ask(check, [target("127.0.0.1")]))["127.0.0.1"]
        assert result.ok, (result.detail, accent.asked)
        assert value(result, "onvif.serial_number") == "ACCENT-1"
        assert str(value(result, "onvif.stream_uri")).startswith("rtsp://127.0.0.1")
        has_snapshot = bend not in (_no_snapshot, _empty_snapshot)
        assert (value(result, "onvif.snapshot_uri") is not None) is has_snapshot


def test_what_stands_in_quotes_begins_no_challenge() -> None:
    (found,) = parse_challenges(['Digest realm="Gate (A, B), Digest 2, Basic x", nonce="n", qop="auth"'])
    assert (found.realm, found.nonce) == ("Gate (A, B), Digest 2, Basic x", "n")
    both = parse_challenges(['Digest realm="a, Basic b", nonce="n", Basic realm="c, Digest d"'])
    assert [(each.scheme, each.realm) for each in both] == [
        (Scheme.DIGEST, "a, Basic b"),
        (Scheme.BASIC, "c, Digest d"),
    ]
