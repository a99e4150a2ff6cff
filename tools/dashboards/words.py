"""Two languages side by side."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Lang(StrEnum):
    ZH = "zh"
    EN = "en"


class Text(NamedTuple):
    """One text of a dashboard in both languages."""

    zh: str
    en: str

    def to(self, lang: Lang) -> str:
        return self.zh if lang is Lang.ZH else self.en
