"""``[daemon]`` and ``[kind.*]``: what the daemon as a whole, and each kind of device, is set to."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from monitor.guard.selfwatch import SelfWatchSettings
from monitor.guard.settings import HeartbeatSettings, PeerSettings
from monitor.settings import Section, known_zone
from monitor.uplink import UplinkSettings
from monitor.words import Language


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogSettings(Section):
    """How the daemon logs, to standard error (under systemd: the journal)."""

    format: LogFormat = LogFormat.CONSOLE
    """``console`` for people, ``json`` for log collectors: one object a line."""
    level: LogLevel = LogLevel.INFO
    """The least important line that is still written."""


def _https_or_http(url: str) -> str:
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise ValueError("written https://HOST or https://HOST/PATH")
    return url


class DaemonSettings(Section):
    """The daemon as a whole."""

    language: Language = Language.ZH_CN
    """The language of messages to people."""
    timezone: Annotated[str, AfterValidator(known_zone)] = "Asia/Shanghai"
    """The time zone in which people read times, by its IANA name."""
    state_dir: Path = Path("/var/lib/camwatch")
    """Where the ledger and the sink's spool are kept."""
    run_dir: Path = Path("/run/camwatch")
    """Where the control socket is, through which ``camwatch status`` asks the daemon."""
    base_url: Annotated[str, AfterValidator(_https_or_http)] = ""
    """Where phones reach the page that acknowledges incidents, for example https://camwatch.example.org. With
    it, messages carry a signed link that is good once, for a day."""
    log: LogSettings = LogSettings()
    """The daemon's log."""
    uplink: UplinkSettings = UplinkSettings()
    """Our own uplink."""
    watch: SelfWatchSettings = SelfWatchSettings()
    """What Camwatch watches about itself."""
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    """The dead man's switch."""
    peer: PeerSettings = PeerSettings()
    """A second Camwatch."""

    @property
    def control_socket(self) -> Path:
        return self.run_dir / "control.sock"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class KindSettings(Section):
    """What devices of one kind are checked by, unless the inventory says otherwise for a device."""

    checks: tuple[str, ...] = Field(default=("icmp",), min_length=1)
    """The checks of each device of this kind."""
    liveness: tuple[str, ...] = ()
    """The checks that must all hold for a device to be online; by default the first of ``checks``."""

    @model_validator(mode="after")
    def _subset(self) -> Self:
        for check in self.liveness:
            if check not in self.checks:
                raise ValueError(f'liveness names "{check}", which is not among the checks; add it to checks')
        return self

    @property
    def online_by(self) -> tuple[str, ...]:
        return self.liveness or self.checks[:1]
