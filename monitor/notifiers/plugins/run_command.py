"""A local command: ``exec:///usr/local/bin/horn``, options ``arg1``, ``arg2`` … as its fixed arguments.

No shell is involved. The message comes on standard input (UTF-8), its title and level in the environment as
``CAMWATCH_TITLE`` and ``CAMWATCH_LEVEL``. Exit status 0 is a success; 75 (EX_TEMPFAIL) and unknown ones are
tried again, the other codes of sysexits.h are final.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import unquote

from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused
from monitor.notifiers.parent import in_command
from monitor.notifiers.plugins.service import Message, Url, Wire, config_error

_USAGE, _TEMPFAIL, _CONFIG = 64, 75, 78


class Command:
    name = "command"
    schemes = ("exec",)

    def __init__(self, url: Url) -> None:
        path = unquote(url.raw_path)
        if url.address or not path.startswith("/"):
            raise config_error("a command is named by its full path: exec:///usr/local/bin/horn")
        if not os.access(path, os.X_OK) or not Path(path).is_file():
            raise config_error(f"{path} is not a program that we may run")
        arguments = url.rest("arg")
        if sorted(arguments) != sorted(str(n) for n in range(1, len(arguments) + 1)):
            raise config_error("arguments are numbered without gaps: arg1, arg2 …")
        self._command = [path, *(arguments[str(n)] for n in range(1, len(arguments) + 1))]

    def deliver(self, message: Message, wire: Wire) -> str:
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "CAMWATCH_TITLE": message.title.replace("\0", ""),
            "CAMWATCH_LEVEL": message.level,
        }
        try:
            # A fixed list of arguments from the configuration, no shell: there is nothing to inject into.
            done = subprocess.run(  # noqa: S603
                self._command,
                input=message.text.encode("utf-8", "replace"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                cwd="/",
                check=False,
                preexec_fn=in_command,
            )
        except OSError as error:
            raise Refused(Outcome.PERMANENT, "exec", f"{self._command[0]}: {error.strerror}") from error
        if done.returncode == 0:
            return ""
        final = _USAGE <= done.returncode <= _CONFIG and done.returncode != _TEMPFAIL
        text = " ".join(done.stderr[:200].decode("utf-8", "replace").split()) or "the command failed"
        raise Refused(
            Outcome.PERMANENT if final or done.returncode in (126, 127) else Outcome.TEMPORARY,
            str(done.returncode),
            text,
        )
