"""SOAP requests from templates, and the WS-Security UsernameToken that opens them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import Enum
from time import gmtime, strftime
from xml.sax.saxutils import escape

_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"


class Service(Enum):
    DEVICE = _DEVICE
    MEDIA = _MEDIA


@dataclass(frozen=True, slots=True)
class Call:
    """One operation of the specification."""

    name: str
    service: Service
    body: str = ""
    """What stands inside the request element; ``{token}`` is replaced."""
    open: bool = False
    """Access class PRE_AUTH: answered without a password."""
    repeatable: bool = True
    """Asking twice does no harm: may be sent again when a kept connection turns out closed."""

    def element(self, token: str = "") -> str:
        inner = self.body.replace("{token}", escape(token))
        return f'<{self.name} xmlns="{self.service.value}">{inner}</{self.name}>'


GET_DATE = Call("GetSystemDateAndTime", Service.DEVICE, open=True)
GET_CAPABILITIES = Call("GetCapabilities", Service.DEVICE, "<Category>All</Category>", open=True)
GET_SERVICES = Call("GetServices", Service.DEVICE, "<IncludeCapability>false</IncludeCapability>", open=True)
GET_INFORMATION = Call("GetDeviceInformation", Service.DEVICE)
GET_PROFILES = Call("GetProfiles", Service.MEDIA)
GET_STREAM_URI = Call(
    "GetStreamUri",
    Service.MEDIA,
    '<StreamSetup><Stream xmlns="http://www.onvif.org/ver10/schema">RTP-Unicast</Stream>'
    '<Transport xmlns="http://www.onvif.org/ver10/schema"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
    "<ProfileToken>{token}</ProfileToken>",
)
GET_SNAPSHOT_URI = Call("GetSnapshotUri", Service.MEDIA, "<ProfileToken>{token}</ProfileToken>")
SYSTEM_REBOOT = Call("SystemReboot", Service.DEVICE, repeatable=False)


def envelope(element: str, header: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
        f"{header}<s:Body>{element}</s:Body></s:Envelope>"
    ).encode()


def username_token(user: str, password: str, nonce: bytes, created_s: float) -> str:
    """A SOAP header with PasswordDigest = Base64(SHA-1(nonce + created + password)) (WSS UsernameToken
    profile 1.0, section 3.1). ``created_s`` is Unix time by the *camera's* clock, or it will refuse."""
    created = strftime("%Y-%m-%dT%H:%M:%S.000Z", gmtime(created_s))
    digest = hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False).digest()
    return (
        f'<s:Header><Security s:mustUnderstand="1" xmlns="{_WSS}-wssecurity-secext-1.0.xsd"><UsernameToken>'
        f"<Username>{escape(user)}</Username>"
        f'<Password Type="{_WSS}-username-token-profile-1.0#PasswordDigest">{_b64(digest)}</Password>'
        f'<Nonce EncodingType="{_WSS}-soap-message-security-1.0#Base64Binary">{_b64(nonce)}</Nonce>'
        f'<Created xmlns="{_WSS}-wssecurity-utility-1.0.xsd">{created}</Created>'
        "</UsernameToken></Security></s:Header>"
    )


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def http_request(host: str, path: str, call: Call, body: bytes, authorization: str = "") -> bytes:
    action = f"{call.service.value}/{call.name}"
    credentials = f"Authorization: {authorization}\r\n" if authorization else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\n"
        f'Content-Type: application/soap+xml; charset=utf-8; action="{action}"\r\n'
        f"{credentials}Content-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n"
    ).encode() + body
