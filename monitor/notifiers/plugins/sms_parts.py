"""How many short messages a text costs (3GPP TS 23.038, TS 23.040)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
"""Sent as an escape and a character: two septets that are never parted."""


class Alphabet(StrEnum):
    GSM7 = "GSM-7"
    UCS2 = "UCS-2"


@dataclass(frozen=True, slots=True)
class Parts:
    alphabet: Alphabet
    units: int
    """Septets, or 16-bit units."""
    parts: int

    def __str__(self) -> str:
        plural = "" if self.parts == 1 else "s"
        return f"{self.parts} part{plural} ({self.alphabet}, {self.units} characters)"


_LIMITS = {Alphabet.GSM7: (160, 153), Alphabet.UCS2: (70, 67)}
"""Of a single message, and of each part of a long one, whose header takes six bytes."""


def sms_parts(text: str) -> Parts:
    if all(char in _BASIC or char in _EXTENDED for char in text):
        alphabet = Alphabet.GSM7
        sizes = [2 if char in _EXTENDED else 1 for char in text]
    else:
        alphabet = Alphabet.UCS2
        sizes = [2 if ord(char) > 0xFFFF else 1 for char in text]
    single, each = _LIMITS[alphabet]
    units = sum(sizes)
    if units <= single:
        return Parts(alphabet, units, 1)
    parts, used = 1, 0
    for size in sizes:
        if used + size > each:
            parts, used = parts + 1, 0
        used += size
    return Parts(alphabet, units, parts)
