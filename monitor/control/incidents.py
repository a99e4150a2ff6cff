"""Commands about incidents and silences: what people do at the desk, through the control socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from monitor.alerts.desk import Desk, UnknownIncident
from monitor.alerts.labels import known_labels, unknown_labels
from monitor.alerts.suppress import Silence
from monitor.alerts.tokens import TokenError
from monitor.control.server import Handler
from monitor.control.wire import ControlError
from monitor.core import Core
from monitor.jobs.links import Links
from monitor.model import IncidentId, Instant, WallMs
from monitor.select import Selector
from monitor.storage.ledger import connect
from monitor.storage.ledger.records import LinksForgotten, LinkUsed

_AUTHOR, _TEXT = 80, 2000


class IncidentCommands:
    """``ControlError`` says what was wrong with a request."""

    def __init__(self, core: Core, links: Links) -> None:
        self._core = core
        self._links = links

    def handlers(self) -> dict[str, Handler]:
        return {
            "ack": self._ack,
            "redeem": self._redeem,
            "resolve": self._resolve,
            "note": self._note,
            "silences": self._silences,
            "silence": self._silence,
            "end_silence": self._end_silence,
        }

    async def _ack(self, arguments: dict[str, Any]) -> Any:
        id_, author = _incident(arguments), _author(arguments)
        span = arguments.get("for_ms")

        def act(desk: Desk, now: Instant) -> WallMs | None:
            until = WallMs(now.wall + int(span)) if span is not None else None
            desk.acknowledge(id_, author, now, until)
            return until

        return {"incident": id_, "until": self._do(act)}

    async def _redeem(self, arguments: dict[str, Any]) -> Any:
        """Acknowledge by the one-use link of a message: its token is all that the person has to show."""
        links, now = self._links, self._core.clock.now().wall
        author = str(arguments.get("author", "")).strip()[:_AUTHOR] or "link"
        try:
            used = links.read(str(arguments.get("token", "")), now)
        except TokenError as error:
            raise ControlError(str(error)) from error
        proof = (LinksForgotten(now), LinkUsed(used.nonce, used.ends))
        self._do(lambda desk, at: desk.acknowledge(used.incident, author, at, proof=proof))
        links.use(used, now)
        return {"incident": used.incident}

    async def _resolve(self, arguments: dict[str, Any]) -> Any:
        id_, author, text = _incident(arguments), _author(arguments), _text(arguments)
        self._do(lambda desk, now: desk.resolve(id_, author, text, now))
        return {"incident": id_}

    async def _note(self, arguments: dict[str, Any]) -> Any:
        id_, author, text = _incident(arguments), _author(arguments), _text(arguments)
        kind = str(arguments.get("kind", "note"))
        if kind not in ("note", "cause") or not text:
            raise ControlError("give a note or a cause, in words")
        if id_ not in self._core.pipeline.desk.incidents and not await asyncio.to_thread(self._booked, id_):
            raise ControlError(f"no incident #{id_}")
        self._do(lambda desk, now: desk.note(id_, kind, author, text, now))
        return {"incident": id_}

    def _booked(self, id_: IncidentId) -> bool:
        """Causes are often found when the incident is long over."""
        with contextlib.closing(connect(self._core.ledger.path, read_only=True)) as db:
            return db.execute("SELECT 1 FROM incident WHERE id=?", (id_,)).fetchone() is not None

    # ---------------------------------------------------------------- silences

    async def _silences(self, arguments: dict[str, Any]) -> Any:
        now = self._core.clock.now().wall
        found = self._core.pipeline.desk.teller.gate.silences.values()
        return [_plain(silence) for silence in found if silence.ends > now]

    async def _silence(self, arguments: dict[str, Any]) -> Any:
        author, reason = _author(arguments), _text(arguments)
        try:
            match = Selector(dict(arguments["match"]))
            span = int(arguments["for_ms"])
        except (KeyError, TypeError, ValueError) as error:
            raise ControlError(f"not a silence: {error}") from error
        if "" in match.source.values():
            # Often an empty variable; it would hold back what has no such label, our own troubles too.
            raise ControlError("a label without a value would match what does not have it; give a value")
        if not match.source or span <= 0 or not reason:
            raise ControlError("a silence needs labels to match, a length and a reason")

        def act(desk: Desk, now: Instant) -> Silence:
            ends = WallMs(now.wall + span)
            silence = Silence(desk.next_silence(), match, author, reason, now.wall, ends)
            desk.silence(silence, now)
            return silence

        known = known_labels(self._core.pipeline.plan.rules, self._core.config.schema.tags)
        odd = [
            f'no alert has a label "{x}"; {hint}'.rstrip("; ")
            for x, hint in unknown_labels(match.labels, known)
        ]
        return {**_plain(self._do(act)), "odd": odd}

    async def _end_silence(self, arguments: dict[str, Any]) -> Any:
        silence = self._core.pipeline.desk.teller.gate.silences.get(int(arguments["silence"]))
        now = self._core.clock.now().wall
        if silence is None or silence.ends <= now:
            raise ControlError(f"no silence {arguments['silence']} is in force")
        ended = replace(silence, ends=now)
        self._do(lambda desk, at: desk.silence(ended, at))
        return _plain(ended)

    def _do(self, act: Callable[[Desk, Instant], Any]) -> Any:
        now = self._core.clock.now()
        try:
            return self._core.at_desk(act, now)
        except UnknownIncident as error:
            raise ControlError(str(error)) from error


def _plain(silence: Silence) -> dict[str, Any]:
    return {
        "id": silence.id,
        "match": silence.match.source,
        "author": silence.author,
        "reason": silence.reason,
        "begins": silence.begins,
        "ends": silence.ends,
    }


def _incident(arguments: dict[str, Any]) -> IncidentId:
    try:
        return IncidentId(int(arguments["incident"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ControlError("which incident?") from error


def _author(arguments: dict[str, Any]) -> str:
    author = str(arguments.get("author", "")).strip()[:_AUTHOR]
    if not author:
        raise ControlError("who asks? an author is needed")
    return author


def _text(arguments: dict[str, Any]) -> str:
    text = str(arguments.get("text", "")).strip()
    if len(text) > _TEXT:
        raise ControlError(f"{len(text)} characters are too many: at most {_TEXT} are kept")
    return text
