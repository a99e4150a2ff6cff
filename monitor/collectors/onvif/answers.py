"""SOAP answers, read without trust: pure functions from bytes to small records, or ``WireError``.

A 200 proves nothing: log-in pages, pictures and empty bodies come with it. Only the very ``…Response``
element that was asked for, with its required fields, counts. Fields are found by local name, since cameras
differ in prefixes and even in namespaces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor.collectors.http1 import Answer, WireError
from monitor.collectors.onvif.soap import Call
from monitor.collectors.onvif.xml import Element, namespace_of, parse
from monitor.model import Reason

# fmt: off
_KNOWN = frozenset((
    "Code", "Subcode", "Value", "Reason", "Text", "faultcode", "faultstring", "SystemDateAndTime",
    "UTCDateTime", "LocalDateTime", "TimeZone", "TZ", "DaylightSavings", "Date", "Time", "Year",
    "Month", "Day", "Hour", "Minute", "Second", "Capabilities", "Media", "XAddr", "Manufacturer",
    "Model", "FirmwareVersion", "SerialNumber", "Profiles", "VideoEncoderConfiguration", "Encoding",
    "Resolution", "Width", "Height", "MediaUri", "Uri", "Extension", "Service", "Namespace",
))
# fmt: on
"""The elements that are read below; the rest of an answer is passed over."""
_MAX_TEXT = 200
_MAX_URI = 1024
_AUTH_FAULTS = (
    "NotAuthorized",
    "FailedAuthentication",
    "FailedCheck",
    "InvalidSecurityToken",
    "InvalidSecurity",
)
_AUTH_WORDS = re.compile(r"authori[sz]|authenticat|password|user ?name|credential")
_UNOFFERED = ("ActionNotSupported", "NotSupported", "OptionalActionNotImplemented", "NoProfile")
_GMT = re.compile(r"^(?:GMT|UTC)?([+-])(\d{1,2}):(\d{2})$")
_TZ = re.compile(r"^(?:<[^>]{1,20}>|[A-Za-z]{1,10})([+-]?)(\d{1,2})(?::(\d{1,2}))?(?::\d{1,2})?")


@dataclass(frozen=True, slots=True)
class Information:
    manufacturer: str
    model: str
    firmware: str
    serial: str


@dataclass(frozen=True, slots=True)
class Profile:
    token: str
    encoding: str
    width: int
    height: int


def response(call: Call, answer: Answer) -> Element:
    """The ``…Response`` element of ``call``; anything else is a ``WireError`` with its reason."""
    status = answer.status
    if 300 <= status < 400:
        raise WireError(Reason.UNEXPECTED, f"a redirect (HTTP {status})")
    if status == 401:
        raise WireError(Reason.AUTH, "the password was refused (HTTP 401)")
    if status == 404:
        raise WireError(Reason.UNEXPECTED, "no ONVIF service there (HTTP 404)")
    if status not in (200, 400, 403, 500):
        raise WireError(Reason.BUSY if status == 503 else Reason.UNEXPECTED, f"HTTP status {status}")
    try:
        root = parse(answer.body, _KNOWN)
    except WireError:
        if status == 200:
            raise
        reason = Reason.AUTH if status == 403 else Reason.UNEXPECTED
        raise WireError(reason, f"HTTP status {status}") from None
    body = root.child("Body") if root.local == "Envelope" else None
    first = body.children[0] if body is not None and body.children else None
    if first is None:
        raise WireError(Reason.PROTOCOL, "XML, but no SOAP answer")
    if first.local == "Fault":
        raise _fault(first)
    if status != 200 or not _is_response([root, body or root, first], call):
        raise WireError(Reason.PROTOCOL, f"not the answer to {call.name}")
    return first


def _is_response(path: list[Element], call: Call) -> bool:
    """The very element, in the namespace of its service; some devices give none, or end it in a slash."""
    if path[-1].local != f"{call.name}Response":
        return False
    return namespace_of(path).rstrip("/") in ("", call.service.value)


def _fault(fault: Element) -> WireError:
    codes = {given.rpartition(":")[2].strip() for given in _texts(fault, ("Value", "faultcode"))}
    words = " ".join(_texts(fault, ("Text", "faultstring"))).lower()
    if codes.intersection(_AUTH_FAULTS) or _AUTH_WORDS.search(words):
        return WireError(Reason.AUTH, "the password was refused")
    if codes.intersection(_UNOFFERED):
        return WireError(Reason.UNEXPECTED, "the camera does not offer this call")
    return WireError(Reason.UNEXPECTED, "the camera answered with a SOAP fault")


def _texts(element: Element, names: tuple[str, ...]) -> list[str]:
    return [each.text for each in element.walk() if each.local in names and each.text]


def utc_seconds(element: Element) -> float | None:
    """The camera's time (GetSystemDateAndTimeResponse) as Unix seconds, to the whole second.

    From ``UTCDateTime``; where that is left out, empty or nil, from ``LocalDateTime`` by the time zone beside
    it. ``None``: local time in a zone that it does not tell, which says nothing of how far off the clock is.
    """
    outer = _required(element, "SystemDateAndTime")
    moment = outer.child("UTCDateTime")
    offset: timedelta | None = timedelta(0)
    if moment is None or not moment.children:
        moment = _required(outer, "LocalDateTime")
        zone = outer.child("TimeZone")
        offset = _west_of_utc(text(zone, "TZ") if zone is not None else "")
        if offset is not None and text(outer, "DaylightSavings") in ("true", "1"):
            offset -= timedelta(hours=1)
    date, time = _required(moment, "Date"), _required(moment, "Time")
    try:
        year, month, day = (int(text(date, name)) for name in ("Year", "Month", "Day"))
        hour, minute, second = (int(text(time, name)) for name in ("Hour", "Minute", "Second"))
        at = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        return None if offset is None else (at + offset).timestamp()
    except (ValueError, OverflowError):
        raise WireError(Reason.PROTOCOL, "a date that does not exist") from None


def _west_of_utc(zone: str) -> timedelta | None:
    """What to add to standard local time to get UTC, of a POSIX ``TZ`` like ``CST-8`` (1003.1, 8.3), or of
    the ``GMT+08:00`` and ``+08:00`` that some write, which is east. ``None``: not a zone that we know."""
    if zone in ("UTC", "GMT", "Z"):
        return timedelta(0)
    found = _GMT.match(zone)
    if found is not None:
        east = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        return east if found[1] == "-" else -east
    found = _TZ.match(zone)
    if found is None:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return -offset if found[1] == "-" else offset


def media_address(element: Element) -> str:
    """The media service (GetCapabilitiesResponse) as the camera names it; empty if it has none."""
    capabilities = _required(element, "Capabilities")
    extension = capabilities.child("Extension")
    media = capabilities.child("Media") or (extension.child("Media") if extension is not None else None)
    return text(media, "XAddr", _MAX_URI) if media is not None else ""


def service_address(element: Element, namespace: str) -> str:
    """The service of that namespace (GetServicesResponse) as the camera names it; empty if it has none."""
    for service in element.children:
        if service.local == "Service" and text(service, "Namespace").rstrip("/") == namespace:
            return text(service, "XAddr", _MAX_URI)
    return ""


def information(element: Element) -> Information:
    found = Information(
        text(element, "Manufacturer"),
        text(element, "Model"),
        text(element, "FirmwareVersion"),
        text(element, "SerialNumber"),
    )
    # All are mandatory, and some devices leave one or another empty.
    if not (found.model or found.serial) or not (found.firmware or found.manufacturer):
        raise WireError(Reason.PROTOCOL, "device information without model, serial number or firmware")
    return found


def profiles(element: Element) -> list[Profile]:
    found = []
    for profile in element.children:
        token = _attribute(profile, "token")
        if profile.local != "Profiles" or not token or len(token) > _MAX_TEXT:
            continue
        encoder = profile.child("VideoEncoderConfiguration")
        size = encoder.child("Resolution") if encoder is not None else None
        encoding = text(encoder, "Encoding") if encoder is not None else ""
        found.append(Profile(token, encoding, _number(size, "Width"), _number(size, "Height")))
    if not found:
        raise WireError(Reason.PROTOCOL, "no media profile")
    # Those with video first: the stream of the first is asked for.
    return sorted(found, key=lambda profile: not profile.encoding)


def _attribute(element: Element, name: str) -> str:
    """An attribute by its local name."""
    found = element.attributes.get(name)
    if found is None:
        found = next((v for k, v in element.attributes.items() if k.rpartition(":")[2] == name), "")
    return found.strip()


def media_uri(element: Element, *, optional: bool = False) -> str:
    """``optional``: an empty one is no fault; some say so that they have none."""
    uri = text(_required(element, "MediaUri"), "Uri", _MAX_URI)
    if not uri and not optional:
        raise WireError(Reason.PROTOCOL, "an empty address")
    return uri


def text(element: Element, name: str, longest: int = _MAX_TEXT) -> str:
    """The text of a child, one line of printable characters, cut to ``longest``; empty if there is none."""
    found = element.child(name)
    if found is None:
        return ""
    words = found.text[:longest]
    return (words if words.isprintable() else "".join(c if c.isprintable() else " " for c in words)).strip()


def _required(element: Element, name: str) -> Element:
    found = element.child(name)
    if found is None:
        raise WireError(Reason.PROTOCOL, f"the answer lacks {name}")
    return found


def _number(element: Element | None, name: str) -> int:
    given = text(element, name) if element is not None else ""
    return int(given) if given.isascii() and given.isdigit() and len(given) < 7 else 0
