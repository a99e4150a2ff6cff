"""HTTP/1.1 answers, read without trust: a pure, incremental, bounded parser (RFC 9112).

No decompression, no redirects, no trailers kept: a camera's answer is a few hundred bytes to some tens of
kilobytes of XML, and whatever wants to be more is cut off with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from monitor.model import Reason

MAX_HEAD = 16 * 1024
_MAX_CHUNK_LINE = 128


class WireError(Exception):
    """A talk with a device failed: ``reason`` for the books, ``detail`` in our own words for a person."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Head:
    """The status line and the headers, names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    phrase: str = ""
    """The words after the status: for matching, not for showing."""
    version: str = ""
    """As the answer gives it, for example ``HTTP/1.0``."""

    def first(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True)
class Answer:
    head: Head
    body: bytes
    keep_alive: bool
    """The connection may carry another request."""

    @property
    def status(self) -> int:
        return self.head.status


def parse_head(raw: bytes, protocol: bytes) -> Head:
    """The head of an answer whose version begins with ``protocol`` (``b"HTTP/1."``, ``b"RTSP/1."``)."""
    lines = raw.split(b"\r\n") if b"\r\n" in raw else raw.split(b"\n")
    version, _, rest = lines[0].partition(b" ")
    code = rest.strip()[:3]
    if not version.startswith(protocol) or len(code) != 3 or not code.isdigit():
        raise WireError(Reason.PROTOCOL, "the answer does not begin with a status line")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            headers.append((name.strip().lower().decode("latin-1"), value.strip().decode("latin-1")))
    phrase, written = rest.strip()[3:103].decode("latin-1"), version[:16].decode("latin-1")
    return Head(int(code), tuple(headers), phrase, written)


def _same(length: str) -> str:
    """A Content-Length that is given several times over counts once, if they agree (RFC 9110, 8.6)."""
    given = {each.strip() for each in length.split(",")}
    return given.pop() if len(given) == 1 else length


_NO_HEAD = Head(0, ())


class _At(Enum):
    HEAD = auto()
    LENGTH = auto()
    CHUNK_SIZE = auto()
    CHUNK_DATA = auto()
    TRAILER = auto()
    UNTIL_CLOSE = auto()
    DONE = auto()


class ResponseReader:
    """Takes the bytes of one answer as they come; ``answer`` is there once ``feed`` or ``eof`` says so."""

    __slots__ = ("_at", "_body", "_buffer", "_head", "_max_body", "_missing", "answer")

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._at = _At.HEAD
        self._buffer = bytearray()
        self._body = bytearray()
        self._missing = 0
        self._head = _NO_HEAD
        self.answer: Answer | None = None

    @property
    def untouched(self) -> bool:
        """Not one byte of the answer has come."""
        return self._at is _At.HEAD and not self._buffer

    def feed(self, data: bytes) -> bool:
        """True once the answer is whole; ``WireError`` when it cannot become one."""
        self._buffer += data
        while self._step():
            pass
        return self._at is _At.DONE

    def eof(self) -> bool:
        """The peer has closed: True if that ends the answer properly."""
        if self._at is _At.UNTIL_CLOSE:
            self._finish(keep_alive=False)
            return True
        if self._at is _At.DONE:
            return True
        what = "before its answer" if self.untouched else "in the middle of its answer"
        raise WireError(Reason.PROTOCOL, f"the connection was closed {what}")

    def _step(self) -> bool:
        """One transition; False when more bytes are needed."""
        match self._at:
            case _At.HEAD:
                return self._read_head()
            case _At.LENGTH | _At.CHUNK_DATA:
                return self._read_counted()
            case _At.CHUNK_SIZE:
                return self._read_chunk_size()
            case _At.TRAILER:
                return self._read_trailer()
            case _At.UNTIL_CLOSE:
                self._take(len(self._buffer))
                return False
            case _At.DONE:
                return False

    def _read_head(self) -> bool:
        if self._buffer.startswith((b"\r", b"\n")):
            # Some send the line break that ends the answer before only now (RFC 9112, section 2.2).
            del self._buffer[: len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))]
        end = self._buffer.find(b"\r\n\r\n")
        width = 4
        if end < 0:
            end, width = self._buffer.find(b"\n\n"), 2
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise WireError(Reason.OVERSIZE, f"the head of the answer is over {MAX_HEAD} bytes")
            # Another service (SSH, RTSP, a menu) is told at its first bytes, not at the deadline.
            if b"HTTP/1."[: len(self._buffer)] != self._buffer[:7]:
                raise WireError(Reason.PROTOCOL, "the answer does not begin with a status line")
            return False
        if end > MAX_HEAD:
            raise WireError(Reason.OVERSIZE, f"the head of the answer is over {MAX_HEAD} bytes")
        head = parse_head(bytes(self._buffer[:end]), b"HTTP/1.")
        del self._buffer[: end + width]
        if 100 <= head.status < 200:
            return True
        self._head = head
        self._begin_body(head)
        return True

    def _begin_body(self, head: Head) -> None:
        encoding = head.first("content-encoding").lower()
        if encoding not in ("", "identity"):
            raise WireError(Reason.PROTOCOL, "a compressed answer, though none was asked for")
        if head.status in (204, 304):
            self._finish(keep_alive=True)
        elif "chunked" in head.first("transfer-encoding").lower():
            self._at = _At.CHUNK_SIZE
        elif length := head.first("content-length"):
            length = _same(length)
            if not (length.isascii() and length.isdigit() and len(length) < 16):
                raise WireError(Reason.PROTOCOL, "Content-Length is not a number")
            self._missing = int(length)
            if self._missing > self._max_body:
                raise self._oversize()
            self._at = _At.LENGTH
        else:
            self._at = _At.UNTIL_CLOSE

    def _read_counted(self) -> bool:
        self._missing -= self._take(min(self._missing, len(self._buffer)))
        if self._missing:
            return False
        if self._at is _At.LENGTH:
            self._finish(keep_alive=self._kept())
        else:
            self._at = _At.CHUNK_SIZE
        return True

    def _read_chunk_size(self) -> bool:
        end = self._buffer.find(b"\n")
        if end < 0 or (end <= 1 and not self._buffer[:end].strip()):
            # The line break that ends the previous chunk comes first.
            if end >= 0:
                del self._buffer[: end + 1]
                return True
            if len(self._buffer) > _MAX_CHUNK_LINE:
                raise WireError(Reason.PROTOCOL, "the size of a chunk is not a number")
            return False
        size = bytes(self._buffer[:end]).partition(b";")[0].strip()
        del self._buffer[: end + 1]
        try:
            if len(size) > 8 or size[:1] in (b"+", b"-"):
                raise ValueError
            self._missing = int(size, 16)
        except ValueError:
            raise WireError(Reason.PROTOCOL, "the size of a chunk is not a number") from None
        if len(self._body) + self._missing > self._max_body:
            raise self._oversize()
        self._at = _At.CHUNK_DATA if self._missing else _At.TRAILER
        return True

    def _read_trailer(self) -> bool:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise WireError(Reason.OVERSIZE, "endless trailers")
            return False
        line = bytes(self._buffer[:end]).strip()
        del self._buffer[: end + 1]
        if not line:
            self._finish(keep_alive=self._kept())
            return False
        return True

    def _take(self, count: int) -> int:
        self._body += self._buffer[:count]
        del self._buffer[:count]
        if len(self._body) > self._max_body:
            raise self._oversize()
        return count

    def _kept(self) -> bool:
        said = {word.strip().lower() for word in self._head.first("connection").split(",")}
        if self._head.version == "HTTP/1.0":
            return "keep-alive" in said
        return "close" not in said

    def _finish(self, keep_alive: bool) -> None:
        self._at = _At.DONE
        # Bytes beyond the answer belong to no request of ours: such a connection is not used again.
        self.answer = Answer(self._head, bytes(self._body), keep_alive and not self._buffer)

    def _oversize(self) -> WireError:
        return WireError(Reason.OVERSIZE, f"the answer is over {self._max_body} bytes")
