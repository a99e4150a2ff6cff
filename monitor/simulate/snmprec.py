"""Recorded walks: ``OID|type|value`` lines (``.snmprec``), type as in BER, ``x`` behind it for
hexadecimal."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

from monitor.collectors.snmp import ber

_UNSIGNED = (ber.COUNTER32, ber.GAUGE32, ber.TIME_TICKS, ber.COUNTER64, ber.UINTEGER32)


def encode_value(tag: int, text: str, hexadecimal: bool) -> bytes:
    """The whole TLV of one recorded value. ``ValueError`` when text and type disagree."""
    if hexadecimal:
        return ber.tlv(tag, bytes.fromhex(text))
    if tag == ber.INTEGER:
        return ber.encode_integer(int(text or "0"))
    if tag in _UNSIGNED:
        return encode_unsigned(tag, int(text))
    if tag == ber.OID:
        return ber.tlv(tag, ber.oid(text) if text not in ("", "0", "0.0") else b"\x00")
    if tag == ber.IP_ADDRESS:
        if not text.isascii() or text.count(".") != 3:
            return ber.tlv(tag, text.encode("latin-1"))
        return ber.tlv(tag, bytes(int(part) for part in text.split(".")))
    if tag == ber.NULL:
        return b"\x05\x00"
    return ber.tlv(tag, text.encode("utf-8", "surrogateescape"))


def encode_unsigned(tag: int, value: int) -> bytes:
    return ber.tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


@dataclass(slots=True)
class Walk:
    """What one agent holds, in the order of its names."""

    names: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    """Whole TLVs."""
    keys: list[tuple[int, ...]] = field(default_factory=list)
    places: dict[bytes, int] = field(default_factory=dict)

    @staticmethod
    def of(values: dict[bytes, bytes]) -> Walk:
        """From names (content octets) to TLVs, in any order."""
        names = sorted(values, key=ber.index)
        return Walk(
            names,
            [values[name] for name in names],
            [ber.index(name) for name in names],
            {name: at for at, name in enumerate(names)},
        )

    def changed(self, values: dict[bytes, bytes]) -> Walk:
        """The same with other TLVs for some names, or more names."""
        if values.keys() <= self.places.keys():
            tlvs = list(self.values)
            for name, tlv in values.items():
                tlvs[self.places[name]] = tlv
            return Walk(self.names, tlvs, self.keys, self.places)
        return Walk.of(dict(zip(self.names, self.values, strict=True)) | values)

    def after(self, name: bytes) -> int:
        """The place of the first name that follows; ``len(names)`` at the end."""
        place = self.places.get(name)
        if place is not None:
            return place + 1
        return bisect_right(self.keys, ber.index(name))


def parse(lines: list[str]) -> Walk:
    """Lines that are no recording (blank, comments, simulator directives such as ``4:writecache``) are
    passed over; real recordings hold a few."""
    values: dict[bytes, bytes] = {}
    for line in lines:
        name, _, rest = line.rstrip("\r\n").partition("|")
        kind, _, text = rest.partition("|")
        kind, _, module = kind.partition(":")
        if module == "numeric":  # a figure that the simulator of the recording would vary: where it begins
            options = dict(option.partition("=")[::2] for option in text.split(","))
            text = options.get("initial", options.get("min", "0"))
        elif module or not kind.removesuffix("x").isdecimal():
            continue
        try:
            key = ber.oid(name)
            values[key] = encode_value(int(kind.removesuffix("x")), text, kind.endswith("x"))
        except (ValueError, OverflowError):
            continue
    return Walk.of(values)


def load(path: Path) -> Walk:
    return parse(path.read_text("utf-8", "surrogateescape").split("\n"))


def dump(name: bytes, tag: int, raw: bytes) -> str:
    """One line of a recording. Texts that are not plain ASCII are written in hexadecimal."""
    value = ber.decode(tag, raw)
    if isinstance(value, bytes):
        if value and all(32 <= octet < 127 for octet in value) and tag == ber.OCTETS:
            return f"{ber.oid_text(name)}|{tag}|{value.decode()}"
        return f"{ber.oid_text(name)}|{tag}{'x' if value else ''}|{value.hex()}"
    if isinstance(value, float):
        return f"{ber.oid_text(name)}|{tag}x|{raw.hex()}"
    return f"{ber.oid_text(name)}|{tag}|{'' if value is None or isinstance(value, ber.Missing) else value}"
