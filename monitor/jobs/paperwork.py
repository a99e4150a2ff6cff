"""Has reports made when they are due, outside the daemon's own process, and sends them out: each period once.

That it was made and the messages that carry it are booked in one transaction; whatever is cut short before
that is done again.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from monitor.books.period import Length
from monitor.books.settings import Terms
from monitor.core import Core
from monitor.model import DeviceId, MonoMs, Severity, WallMs
from monitor.notifiers.attachment import Attachment, AttachmentError
from monitor.notifiers.notice import Notice, NoticeKind
from monitor.reports import worker
from monitor.reports.kinds import Format, ReportKind
from monitor.reports.settings import due_periods
from monitor.storage.ledger import connect
from monitor.storage.ledger.records import ReportMade
from monitor.words import Language

log = structlog.get_logger(room="paperwork")

_EVERY_S = 20.0
_PATIENCE_S = 900.0
_SETTLE_S = 60
"""After a key event: until everything that belongs to it is in the books."""
_AGAIN_MS = 600_000
"""After a failure: when it is tried again."""


class PaperError(Exception):
    """Why a report could not be made."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One report of one period, as somebody has ordered it."""

    name: str
    since: int
    until: int
    length: Length | None
    kinds: tuple[ReportKind, ...]
    formats: tuple[Format, ...]
    folder: Path
    receivers: tuple[str, ...]
    language: Language
    terms: Terms
    stamp: str = ""
    devices: frozenset[DeviceId] | None = None
    title: str = ""
    """What people call it; by default its name."""


class Paperwork:
    """One task of the daemon."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._made: dict[str, int | None] | None = None
        self._again: dict[str, MonoMs] = {}

    async def run(self) -> None:
        while True:
            for paper in list(await self._due()):
                await self.make(paper)
            await asyncio.sleep(_EVERY_S)

    async def _due(self) -> Iterator[Paper]:
        core = self._core
        if self._made is None:
            self._made = await asyncio.to_thread(_made_until, core.ledger.path)
        return self._wanted(self._made, core.clock.now().wall // 1000, core.clock.now().mono)

    def _wanted(self, made: dict[str, int | None], now: int, mono: MonoMs) -> Iterator[Paper]:
        config = self._core.config
        zone = config.daemon.zone
        for report in config.reports:
            if self._again.get(report.name, mono) > mono:
                continue
            for period in due_periods(report, zone, now, made.get(report.name)):
                yield Paper(
                    report.name,
                    period.since,
                    period.until,
                    report.every,
                    report.kinds,
                    report.formats,
                    report.folder or config.daemon.state_dir / "reports",
                    report.receivers,
                    report.language or config.daemon.language,
                    config.terms,
                )

        for event in config.key_events:
            settings = event.settings
            name, end = f"key_event:{settings.name}", settings.end_ms // 1000
            over = end + _SETTLE_S <= now and self._again.get(name, mono) <= mono
            if not settings.reports or not over or name in made:
                continue
            contract = config.contract
            if settings.online_rate is not None:
                contract = contract.model_copy(update={"online_rate": settings.online_rate})
            yield Paper(
                name,
                settings.begin_ms // 1000,
                end,
                None,
                settings.reports,
                settings.formats,
                settings.folder or config.daemon.state_dir / "reports",
                settings.receivers,
                config.daemon.language,
                Terms(contract, config.terms.levels),
                re.sub(r"[^\w.-]+", "_", settings.name),
                frozenset(d.id for d in config.inventory.devices.values() if event.covers(d)),
                settings.name,
            )

    async def make(self, paper: Paper) -> None:
        """Make, book and send it; a failure is told as a trouble of our own, and tried again."""
        core = self._core
        if self._again.get(paper.name, MonoMs(0)) > core.clock.now().mono:
            return  # an earlier period of the same report has just failed
        try:
            files = await self._ask(paper)
            attachments = await asyncio.to_thread(self._kept, files if paper.receivers else ())
        except (PaperError, OSError) as error:
            log.error("a report could not be made", report=paper.name, why=str(error))
            self._again[paper.name] = MonoMs(core.clock.now().mono + _AGAIN_MS)
            self._trouble(paper, str(error))
            return
        self._trouble(paper, "")
        self._book(paper, files, attachments)
        log.info("report made", report=paper.name, files=[str(file) for file in files])

    def _trouble(self, paper: Paper, why: str) -> None:
        now = self._core.clock.now()
        self._core.pipeline.own_trouble("paper", bool(why), now.wall, now, why, subject=paper.name)

    def _book(self, paper: Paper, files: Sequence[Path], attachments: tuple[Attachment, ...]) -> None:
        core = self._core
        now = core.clock.now()
        span = f"{_day(core, paper.since)} – {_day(core, paper.until - 1)}"
        notice = Notice(
            NoticeKind.REPORT, Severity.INFO, "report", f"{paper.title or paper.name} {span}", now.wall,
            detail=str(paper.folder), attachments=attachments,
        )  # fmt: skip
        step = core.pipeline.by_hand(
            lambda desk: desk.teller.announce(notice, paper.receivers if files else (), now), now
        )
        since, until = WallMs(paper.since * 1000), WallMs(paper.until * 1000)
        step.records.append(ReportMade(paper.name, since, until, now.wall, tuple(map(str, files))))
        core.carry(step)
        if self._made is not None:
            self._made[paper.name] = max(self._made.get(paper.name) or 0, paper.until)

    def _kept(self, files: Sequence[Path]) -> tuple[Attachment, ...]:
        """Read and on disk before the message is: in a thread, since they may be large."""
        keep = self._core.deliveries.attachments.keep
        found = []
        for file in files:
            try:
                found.append(keep(Attachment.of_file(file)))
            except AttachmentError as error:
                log.warning("a report is too large to be sent, it stays in its folder", why=str(error))
        return tuple(found)

    async def _ask(self, paper: Paper) -> list[Path]:
        core, config = self._core, self._core.config
        job = worker.Job(
            core.ledger.path, config.daemon.timezone, paper.language, core.clock.now().wall // 1000,
            paper.since, paper.until, paper.length, paper.kinds, paper.formats, paper.folder,
            paper.terms.contract, paper.terms.levels, paper.stamp, paper.devices,
        )  # fmt: skip
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *worker.arguments(), stdin=pipe, stdout=pipe, stderr=pipe
        )
        try:
            async with asyncio.timeout(_PATIENCE_S):
                output, errors = await process.communicate(job.to_json())
        except TimeoutError:
            raise PaperError(f"not ready after {_PATIENCE_S:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise PaperError(errors.decode(errors="replace").strip()[-300:] or f"exit {process.returncode}")
        return [Path(file) for file in json.loads(output)]


def _day(core: Core, at: int) -> str:
    return f"{datetime.fromtimestamp(at, core.config.daemon.zone):%Y-%m-%d}"


def _made_until(path: Path) -> dict[str, int | None]:
    """By name: where the last period that was made ends, in seconds. ``sqlite3.Error``: to be asked again."""
    with closing(connect(path, read_only=True)) as db:
        return {
            name: until // 1000
            for name, until in db.execute("SELECT name, max(until) FROM report_made GROUP BY name")
        }
