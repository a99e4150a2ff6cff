"""The picture's size from a sequence parameter set: ITU-T H.264 section 7.3.2.1, H.265 section 7.3.2.2."""

from __future__ import annotations

from typing import NamedTuple

_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}
_LARGEST = 16_384


class Size(NamedTuple):
    """In pixels, after cropping."""

    width: int
    height: int


class SpsError(ValueError):
    """Not a parameter set that can be read."""


class _Bits:
    """Bits of a NAL unit without its emulation prevention bytes (00 00 03)."""

    def __init__(self, nal: bytes) -> None:
        raw = nal.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(raw, "big")
        self._left = len(raw) * 8

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise SpsError("too short")
        return (self._value >> self._left) & ((1 << count) - 1)

    def ue(self) -> int:
        """Exp-Golomb, unsigned (H.264 section 9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:
                raise SpsError("a number out of range")
        return (1 << zeros) - 1 + self.read(zeros)

    def se(self) -> int:
        value = self.ue()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def h264_size(nal: bytes) -> Size:
    bits = _Bits(nal[:256])
    if bits.read(8) & 0x1F != 7:
        raise SpsError("not a sequence parameter set")
    profile = bits.read(8)
    bits.read(16)
    bits.ue()
    chroma, separate = 1, 0
    if profile in _HIGH_PROFILES:
        chroma = bits.ue()
        separate = bits.read(1) if chroma == 3 else 0
        bits.ue()
        bits.ue()
        bits.read(1)
        if bits.read(1):
            for index in range(8 if chroma != 3 else 12):
                if bits.read(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.read(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 256)):
            bits.se()
    bits.ue()
    bits.read(1)
    width, height = (bits.ue() + 1) * 16, (bits.ue() + 1) * 16
    frames_only = bits.read(1)
    height *= 2 - frames_only
    if not frames_only:
        bits.read(1)
    bits.read(1)
    if bits.read(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        across = 2 if chroma in (1, 2) and not separate else 1
        down = (2 if chroma == 1 and not separate else 1) * (2 - frames_only)
        width -= (left + right) * across
        height -= (top + bottom) * down
    return _sane(width, height)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def h265_size(nal: bytes) -> Size:
    bits = _Bits(nal[:256])
    if (bits.read(16) >> 9) & 0x3F != 33:
        raise SpsError("not a sequence parameter set")
    bits.read(4)
    sub_layers = bits.read(3)
    bits.read(1)
    _skip_profile_tier_level(bits, sub_layers)
    bits.ue()
    chroma = bits.ue()
    separate = bits.read(1) if chroma == 3 else 0
    width, height = bits.ue(), bits.ue()
    if bits.read(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        width -= (left + right) * (2 if chroma in (1, 2) and not separate else 1)
        height -= (top + bottom) * (2 if chroma == 1 and not separate else 1)
    return _sane(width, height)


def _skip_profile_tier_level(bits: _Bits, sub_layers: int) -> None:
    """Section 7.3.3."""
    bits.read(96)
    present = [(bits.read(1), bits.read(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.read(2 * (8 - sub_layers))
    for profile, level in present:
        bits.read(88 * profile + 8 * level)


def _sane(width: int, height: int) -> Size:
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        raise SpsError("a size that cannot be")
    return Size(width, height)
