"""XML from strangers: a small tree by expat, without DTDs and entities, bounded in size and depth.

Not lxml: its parsers share one dictionary of names per thread that only grows, so a device that answers
with ever new element names eats a quarter of a megabyte a poll until the daemon restarts (measured with
lxml 6.1, libxml2 2.14; ``tests/test_onvif_answers.py`` holds this parser to it). Expat keeps nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.parsers import expat

from monitor.collectors.http1 import WireError
from monitor.model import Reason

_MAX_TAGS = 36_000
_MAX_KEPT = 4_000
_MAX_ATTRIBUTES = 16_000
"""At most so many, wherever they stand. (An NVR with 64 channels comes to some 12,000 elements: 24,000
tags.)"""
_MAX_DEPTH = 64
_NAMED_DEPTH = 3
"""Envelope, Body and the answer itself are kept whatever their names."""
_DECLARED = re.compile(rb"""^<\?xml[^>]{0,80}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,20})["']""")
_BY_EXPAT = {"utf-8", "us-ascii", "iso-8859-1", "utf-16"}
# fmt: off
_BY_PYTHON = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "cp936": "gb18030", "big5": "big5",
    "windows-936": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030", "euc-cn": "gb18030",
    "ascii": "us-ascii", "utf8": "utf-8", "utf_8": "utf-8", "latin1": "latin-1", "iso8859-1": "latin-1",
    "windows-1252": "windows-1252",
}
# fmt: on
_PADDING = b" \t\r\n\0"
"""What devices put around a document: C strings end in NUL."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Element:
    """One element. ``name`` is as written, ``local`` without its prefix."""

    __slots__ = ("attributes", "children", "local", "name", "text")

    def __init__(self, name: str, local: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.local = local
        self.attributes = attributes
        self.children: list[Element] = []
        self.text = ""

    def child(self, local: str) -> Element | None:
        """The first child of that local name."""
        for each in self.children:
            if each.local == local:
                return each
        return None

    def walk(self) -> Iterator[Element]:
        """This element and all below it."""
        yield self
        for each in self.children:
            yield from each.walk()


def namespace_of(path: Sequence[Element]) -> str:
    """The namespace of the last element of a path from the root; empty if it has none.

    Prefixes are only resolved where somebody asks: having expat do it for all costs a tenth of the parsing.
    """
    prefix, colon, _ = path[-1].name.partition(":")
    declaration = f"xmlns:{prefix}" if colon else "xmlns"
    return next((e.attributes[declaration] for e in reversed(path) if declaration in e.attributes), "")


class _Refused(Exception):
    """Stops expat; carries what to say."""


class _Builder:
    """Keeps the elements of known names; what lies below others is passed over."""

    __slots__ = ("_kept", "_known", "_skipped", "_stack", "root")

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self._kept = 0
        self._skipped = 0
        """How deep we are in an element that is passed over."""
        self._stack: list[Element] = []
        self.root: Element | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._skipped:
            self._skipped += 1
            return
        stack = self._stack
        local = name.rpartition(":")[2]
        depth = len(stack)
        if depth >= _NAMED_DEPTH and local not in self._known:
            self._skipped = 1
            return
        element = Element(name, local, attributes)
        self._kept += 1
        if depth:
            stack[-1].children.append(element)
            if depth >= _MAX_DEPTH or self._kept > _MAX_KEPT:
                raise _Refused
        else:
            self.root = element
        stack.append(element)

    def end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
        else:
            self._stack.pop()

    def data(self, text: str) -> None:
        # Text after a child is layout: only what comes first is kept.
        if not self._skipped:
            at = self._stack[-1]
            if not at.children:
                at.text += text


def _doctype(*_: object) -> None:
    raise _Refused("a document type")


def parse(raw: bytes, known: frozenset[str]) -> Element:
    """The root element, with the ``known`` ones below it; ``WireError`` (``protocol``, ``oversize``) for
    what is not plain, modest XML."""
    if not raw.startswith(_UTF_16):
        raw = raw.strip(_PADDING).removeprefix(b"\xef\xbb\xbf").strip(_PADDING)
    if not raw:
        raise WireError(Reason.PROTOCOL, "an empty answer")
    if raw.count(b"<") > _MAX_TAGS:
        raise WireError(Reason.OVERSIZE, "too many XML elements")
    if raw.count(b"=") > _MAX_ATTRIBUTES:
        raise WireError(Reason.OVERSIZE, "too many XML attributes")
    text = _decoded(raw)
    try:
        return _parsed(text, known)
    except expat.ExpatError:
        if not isinstance(text, bytes) or raw.startswith(_UTF_16) or _is_utf_8(raw):
            raise WireError(Reason.PROTOCOL, "not well-formed XML") from None
    try:
        # Declared to be UTF-8, and a person has typed a Chinese name into its web page.
        return _parsed(raw.decode("gb18030", "replace"), known)
    except expat.ExpatError:
        raise WireError(Reason.PROTOCOL, "not well-formed XML") from None


def _is_utf_8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeError:
        return False
    return True


def _parsed(text: bytes | str, known: frozenset[str]) -> Element:
    builder = _Builder(known)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _doctype
    try:
        parser.Parse(text, True)
    except _Refused as refused:
        if refused.args:
            raise WireError(Reason.PROTOCOL, "not XML as SOAP allows it (a document type)") from None
        raise WireError(Reason.OVERSIZE, "too many or too deeply nested XML elements") from None
    except (UnicodeError, ValueError, LookupError):  # the last: of an encoding that nobody knows
        raise WireError(Reason.PROTOCOL, "not well-formed XML") from None
    if builder.root is None:
        raise WireError(Reason.PROTOCOL, "not well-formed XML")
    return builder.root


def _decoded(raw: bytes) -> bytes | str:
    """Text where Python must decode it: expat does not know the Chinese encodings."""
    declared = _DECLARED.match(raw)
    name = declared[1].decode().lower() if declared else "utf-8"
    if name in _BY_EXPAT:
        return raw
    if _BY_PYTHON.get(name) == "gb18030" and _is_utf_8(raw):
        return raw.decode()  # what it says and what it sends differ; Chinese in GB is hardly ever UTF-8 too
    if name not in _BY_PYTHON:
        raise WireError(Reason.PROTOCOL, "XML in an encoding that is not allowed")
    try:
        return raw.decode(_BY_PYTHON[name])
    except UnicodeError:
        raise WireError(Reason.PROTOCOL, "not the encoding that it declares") from None
