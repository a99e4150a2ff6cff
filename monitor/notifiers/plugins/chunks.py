"""Template SMS: the text goes out in variables of an approved template, each of limited length."""

from __future__ import annotations

import re
from string import Template

from monitor.notifiers.plugins.service import Message, Url, config_error
from monitor.notifiers.plugins.template import checked_template

CHUNK = 35
"""Characters that both Aliyun and Tencent let a variable have in an ordinary notification template."""
_COUNT = 10
_PIECES = frozenset({"text", "title", "body", "level"} | {f"text{n}" for n in range(1, _COUNT + 1)})


class Variables:
    """``param.NAME = "$text1"``: the text in pieces ``$text1``, ``$text2`` … of ``chunk`` characters."""

    def __init__(self, url: Url) -> None:
        chunk = url.take("chunk", str(CHUNK))
        if not chunk.isascii() or not chunk.isdigit() or not 1 <= int(chunk) <= 500:
            raise config_error("chunk= is the number of characters a variable may have, for example 35")
        self._chunk = int(chunk)
        self._params = {
            name: checked_template(f"param.{name}", text, _PIECES)
            for name, text in url.rest("param.").items()
        }
        if not self._params:
            raise config_error('no variable: write for example "param.content" = "$text1"')

    def fill(self, message: Message) -> dict[str, str]:
        # Operators refuse line breaks and 【】 within a variable.
        text = re.sub(r"\s*\n\s*", " ", message.text).translate({0x3010: None, 0x3011: " "}).strip()
        pieces = {f"text{n}": text[(n - 1) * self._chunk : n * self._chunk] for n in range(1, _COUNT + 1)}
        values = {"text": text, "title": message.title, "body": message.body, "level": message.level} | pieces
        return {name: _bounded(template, values, self._chunk) for name, template in self._params.items()}


def _bounded(template: Template, values: dict[str, str], longest: int) -> str:
    filled = template.substitute(values)
    if len(filled) > longest:
        filled = filled[: longest - 1] + "…"
    return filled or "-"  # an empty variable is refused
