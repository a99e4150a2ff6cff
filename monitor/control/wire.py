"""One request and one answer, each a line of JSON, over a Unix socket that only its owner may open."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

MAX_LINE = 64 * 1024 * 1024
TIMEOUT_S = 30.0


class ControlError(Exception):
    """The daemon could not be asked, or refused; the text is for the person who asked."""


def ask(path: Path, command: str, **arguments: Any) -> Any:
    """Ask the running daemon (blocking; for the command line)."""
    request = json.dumps({"command": command, "arguments": arguments}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(TIMEOUT_S)
            sock.connect(str(path))
            sock.sendall(request)
            with sock.makefile("rb") as stream:
                line = stream.readline(MAX_LINE)
    except (FileNotFoundError, ConnectionRefusedError):
        raise ControlError(f"no daemon is running at {path}; start it with: camwatch run") from None
    except OSError as error:
        raise ControlError(f"{path}: {error.strerror or error}") from error
    if not line:
        raise ControlError(f"{path}: the daemon closed the connection without an answer")
    answer = json.loads(line)
    if "error" in answer:
        raise ControlError(str(answer["error"]))
    return answer["result"]
