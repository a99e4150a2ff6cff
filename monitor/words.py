"""The words people read, in their language: gettext catalogues, read from their source at start.

Message ids are English; ``locale/zh_CN/LC_MESSAGES/camwatch.po`` holds the Chinese. There is no compiled
catalogue to forget. Code marks its texts with ``Words.text``/``Words.many``, or ``N_`` where they are
chosen later; a test holds the catalogue to exactly these.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

_LOCALE = Path(__file__).parent / "locale"


class Language(StrEnum):
    ZH_CN = "zh-CN"
    EN = "en"


def N_(message: str) -> str:
    """Marks a text for the catalogue; it is looked up later."""
    return message


class Words:
    """Looks texts up. A text that is missing comes out in English rather than not at all."""

    def __init__(self, language: Language, texts: dict[str, str]) -> None:
        self.language = language
        self._texts = texts

    def text(self, message: str, /, **values: object) -> str:
        """The text with its ``{placeholders}`` filled in."""
        return (
            self._texts.get(message, message).format_map(values)
            if values
            else self._texts.get(message, message)
        )

    def many(self, one: str, several: str, n: int, /, **values: object) -> str:
        """The text for ``n`` of something, which it may name ``{n}``."""
        text = self._texts.get(one)
        if text is None:
            text = one if n == 1 else several
        return text.format_map(values | {"n": n})


@cache
def words(language: Language) -> Words:
    if language is Language.EN:
        return Words(language, {})
    locale = language.value.replace("-", "_")
    with (_LOCALE / locale / "LC_MESSAGES" / "camwatch.po").open("rb") as file:
        catalogue = read_po(file, locale=locale)
    texts: dict[str, str] = {}
    for message in catalogue:
        # Chinese has one form for all numbers; a plural entry is found by its singular.
        id = message.id if isinstance(message.id, str) else message.id[0]
        text = message.string if isinstance(message.string, str) else (message.string or ("",))[0]
        if id and text and not message.fuzzy:
            texts[id] = text
    return Words(language, texts)
