"""Addresses of devices: IPv4, IPv6 or a host name."""

from __future__ import annotations

import ipaddress
import re
import socket

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z", re.IGNORECASE)
_WITH_PORT = re.compile(r"[^:\s]+:\d+\Z")


def canonical(text: str) -> str:
    """The same for all spellings of one address; ``ValueError`` ("what; what would be right") for none.

    Host names follow RFC 1123, 2.1: letters, digits and hyphens, at most 63 a label and 253 in all.
    """
    try:
        # The C library's parser is as strict as ipaddress (no leading zeros) and ten times as fast.
        first = socket.inet_pton(socket.AF_INET, text)[0]
    except (OSError, ValueError):
        pass
    else:
        # 0.x is "this network", from 224 on multicast and reserved (RFC 6890).
        return _one_device(text, 0 < first < 224)
    if ":" in text:
        try:
            address = ipaddress.IPv6Address(text)
        except ipaddress.AddressValueError:
            pass
        else:
            return _one_device(str(address), not (address.is_unspecified or address.is_multicast))
    return _host(text)


def _one_device(text: str, good: bool) -> str:
    if not good:
        raise ValueError(f'"{text}" is not the address of one device; write the device\'s own address')
    return text


def _host(text: str) -> str:
    labels = text.removesuffix(".").split(".")
    if "://" in text:
        raise ValueError(
            f'"{text}" is a URL; write the address alone, without {text.split("://")[0]}:// and path'
        )
    if "/" in text:
        raise ValueError(f'"{text}" has a network mask or path; write the address alone')
    if _WITH_PORT.match(text):
        raise ValueError(f'"{text}" has a port; write the address alone, {text.rpartition(":")[0]}')
    if ":" in text:
        raise ValueError(f'"{text}" is not an IPv6 address; write for example 2001:db8::7')
    if re.fullmatch(r"[0-9.]+", text):
        raise ValueError(f'"{text}" is not an IPv4 address; write {_four(labels)}')
    if len(text) > 253 or not all(map(_LABEL.match, labels)):
        raise ValueError(
            f'"{text[:80]}" is neither an IP address nor a host name; '
            "host names are letters, digits and hyphens, with dots between"
        )
    return text.removesuffix(".").lower()


def _four(labels: list[str]) -> str:
    if len(labels) == 4 and all(label.isdigit() and int(label) < 256 for label in labels):
        return ".".join(str(int(label)) for label in labels) + ", without leading zeros"
    return "four numbers from 0 to 255 with dots between, for example 10.1.2.3"
