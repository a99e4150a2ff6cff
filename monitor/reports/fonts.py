"""A font with Chinese characters, for PDF files: found on the machine, never shipped.

Every candidate is under the SIL Open Font Licence or the GPL with font exception: a subset may be embedded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError

_FOLDERS = (
    "/usr/share/fonts/opentype/noto",  # Debian, Ubuntu: fonts-noto-cjk
    "/usr/share/fonts/google-noto-cjk",  # openEuler, Fedora, Kylin
    "/usr/share/fonts/google-noto-sans-cjk-fonts",
    "/usr/share/fonts/noto-cjk",
    "/usr/share/fonts/truetype/wqy",  # fonts-wqy-zenhei, fonts-wqy-microhei
    "/usr/share/fonts/wqy-zenhei",
)
_FILES = ("NotoSansCJK-Regular.ttc", "NotoSansCJK-VF.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc")
_TESTED = "在线率"
_MOST_FACES = 64


class NoFont(Exception):
    """No font with Chinese characters was found; says what to install."""


@dataclass(frozen=True, slots=True)
class FontFile:
    path: Path
    index: int
    """Which font of a collection; 0 for a file with a single one."""


def find_font(wanted: Path | None = None) -> FontFile:
    """``wanted``, or the first known font of the machine."""
    if wanted is not None:
        return _open(wanted)
    for folder in _FOLDERS:
        for name in _FILES:
            path = Path(folder, name)
            if path.is_file():
                return _open(path)
    raise NoFont(
        "a PDF needs a font with Chinese characters, and none was found: install fonts-noto-cjk"
        " (Debian, Ubuntu) or google-noto-sans-cjk-fonts (openEuler, Fedora), or name a font by --font"
    )


@cache
def _open(path: Path) -> FontFile:
    """The simplified-Chinese face of a collection, else its first with Chinese characters."""
    try:
        data = path.read_bytes()
        # The header of an OpenType collection: tag, version, number of fonts.
        count = int.from_bytes(data[8:12], "big") if data[:4] == b"ttcf" else 1
        names = {index: _name(data, index) for index in range(min(count, _MOST_FACES))}
        for index in sorted(names, key=lambda index: " SC" not in names[index]):
            if _has_chinese(data, index):
                return FontFile(path, index)
    except (OSError, TTLibError) as error:
        raise NoFont(f"{path} is not a font: {error}") from None
    raise NoFont(f"{path} has no Chinese characters; name another font")


def _name(data: bytes, index: int) -> str:
    with TTFont(BytesIO(data), fontNumber=index, lazy=True) as face:
        return face["name"].getDebugName(1) or ""


def _has_chinese(data: bytes, index: int) -> bool:
    with TTFont(BytesIO(data), fontNumber=index, lazy=True) as face:
        characters = face.getBestCmap() or {}
        return all(ord(char) in characters for char in _TESTED)
