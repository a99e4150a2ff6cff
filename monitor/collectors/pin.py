"""Addresses that a device hands out are advice: only path and port are taken, never the host.

A password digest must not follow a camera's word to a third machine, and a probe must not be talked into
knocking elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BeforeValidator

_DEFAULT_PORT = {"http": 80, "https": 443, "rtsp": 554}
_SECRET_KEY = re.compile(r"pass|pwd|token|auth|secret|^(user|usr|username)$", re.IGNORECASE)
_LONGEST = 1024


def _ports(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    spans = []
    for part in value.split(","):
        low, _, high = part.strip().partition("-")
        if not low.isdigit() or not (high or low).isdigit() or not 0 < int(low) <= int(high or low) < 65536:
            raise ValueError(f'not a port or range of ports: "{part.strip()}"; write "80,554,1024-65535"')
        spans.append((int(low), int(high or low)))
    return tuple(spans)


PortRanges = Annotated[tuple[tuple[int, int], ...], BeforeValidator(_ports)]
"""Ports that an address from a device may name, as ``"80,554,1024-65535"``."""
USUAL_PORTS: PortRanges = ((80, 80), (443, 443), (554, 554), (1024, 65535))


@dataclass(frozen=True, slots=True)
class Pinned:
    """A port and a path on the device itself."""

    scheme: str
    port: int
    path: str
    foreign: bool
    """The address named another host than the device; it was not followed."""


def pin(url: str, ip: str, schemes: tuple[str, ...], ports: PortRanges) -> Pinned | None:
    """``url`` held to the device at ``ip``; None if its scheme, port or path cannot be used."""
    if len(url) > _LONGEST or not url.isascii() or any(c <= " " or c == "\x7f" for c in url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORT.get(parts.scheme, 0)
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in schemes or not any(low <= port <= high for low, high in ports):
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Pinned(parts.scheme, port, path, foreign=not same_host(host, ip))


def same_host(host: str, ip: str) -> bool:
    """IPv6 addresses have many spellings, and link-local ones a zone that means something here only."""
    if host == ip:
        return True
    try:
        return ip_address(host.partition("%")[0]) == ip_address(ip.partition("%")[0])
    except ValueError:
        return False


def without_secrets(url: str) -> str:
    """``url`` without user, password, and query values that look like either: fit for a reading."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        query = [
            (key, "***" if _SECRET_KEY.search(key) else value)
            for key, value in parse_qsl(parts.query, keep_blank_values=True)
        ]
    except ValueError:
        return ""
    # Some cameras hide the account in the path: rtsp://host/user=admin_password=secret_channel=1.
    path = re.sub(r"((?:user|password|passwd|pwd)=)[^/_&;]*", r"\1***", parts.path, flags=re.IGNORECASE)
    return urlunsplit((parts.scheme, host, path, urlencode(query, safe="*/:,"), ""))
