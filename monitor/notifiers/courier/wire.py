"""What the daemon and the courier say to each other: JSON objects, each after its length in four bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from monitor.notifiers.attachment import Enclosed
from monitor.notifiers.notice import Outcome, SendResult

_LENGTH = struct.Struct(">I")
MAX_FRAME = 4 << 20
READY = 0
"""The id of the report by which a courier says that it takes orders."""

Done = tuple[tuple[int | None, str, str], ...]
"""What of a message was taken in earlier attempts: (piece, type, repr) of Apprise's delivery tracker."""


class Op(StrEnum):
    SEND = "send"
    VERIFY = "verify"
    """Only see whether the URL makes a working plugin."""
    CANCEL = "cancel"
    """Kill the send with this id: nobody waits for it any more, and it would be made again."""


@dataclass(frozen=True, slots=True)
class Order:
    id: int
    op: Op
    url: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Values to be struck out of whatever is reported."""
    title: str = ""
    body: str = ""
    level: str = "info"
    """An Apprise ``NotifyType``: info, success, warning or failure."""
    deadline_s: float = 20.0
    timeout_s: float = 8.0
    done: Done = ()
    attachments: tuple[Enclosed, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    id: int
    outcome: Outcome
    code: str = ""
    detail: str = ""
    retry_after_s: float | None = None
    took_s: float = 0.0
    posts: int = 1
    """How many requests it took: what counts against a service's rate."""
    done: Done = ()

    def result(self) -> SendResult:
        return SendResult(self.outcome, self.code, self.detail, self.retry_after_s, self.took_s)


class WireError(Exception):
    """The other side does not keep to the protocol."""


def frame(message: Order | Report) -> bytes:
    data = json.dumps(asdict(message), ensure_ascii=False).encode("utf-8", "replace")
    return _LENGTH.pack(len(data)) + data


def order_from(data: bytes) -> Order:
    raw = _object(data)
    return Order(
        **raw
        | {
            "op": Op(raw["op"]),
            "secrets": tuple(raw["secrets"]),
            "done": _done(raw["done"]),
            "attachments": tuple(Enclosed(*found) for found in raw["attachments"]),
        }
    )


def report_from(data: bytes) -> Report:
    raw = _object(data)
    return Report(**raw | {"outcome": Outcome(raw["outcome"]), "done": _done(raw["done"])})


def _object(data: bytes) -> dict[str, Any]:
    try:
        raw = json.loads(data)
    except ValueError as error:
        raise WireError("a frame is not JSON") from error
    if not isinstance(raw, dict):
        raise WireError("a frame is not an object")
    return raw


def _done(raw: list[list[Any]]) -> Done:
    return tuple((piece, kind, text) for piece, kind, text in raw)


class FrameBuffer:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._data += data
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            if length > MAX_FRAME:
                raise WireError(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(self._data) < end:
                return
            whole = bytes(self._data[_LENGTH.size : end])
            del self._data[:end]
            yield whole
