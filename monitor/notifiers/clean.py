"""Names and details are data from books and devices: nothing in them may act on a reader's screen."""

from __future__ import annotations

import unicodedata

# Full-width twins read the same and start no markup, link or mention: < > of HTML, Slack and Feishu's <at>,
# [ ] of Markdown links, ` of code, @ of @all and @everyone.
_HARMLESS = str.maketrans("<>[]`@", "＜＞［］｀＠")


def clean(text: str, longest: int) -> str:
    """``text`` on one line, without control characters, bidirectional overrides, invisible or unassigned
    characters, and with no markup; cut to ``longest`` characters."""
    text = unicodedata.normalize("NFC", text[: longest * 4])
    kept = "".join(
        " " if char.isspace() else char
        for char in text
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    return cut(" ".join(kept.split()).translate(_HARMLESS), longest)


def cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
