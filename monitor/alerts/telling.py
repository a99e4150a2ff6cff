"""Telling: which channels hear what of an incident, and when.

First message, changes, repetitions, the ladder of escalation, progress for the customer, and the end. Whoever
was told that something broke is told that it ended. What is held back (silence, maintenance, inhibition) is
told later if it is still so; the end is never held back.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from monitor.alerts.digest import Digest
from monitor.alerts.facts import FleetView, digest_notice, notice_of, offline_of
from monitor.alerts.incident import Alert, Incident
from monitor.alerts.ladder import Reading, read_clock, rungs
from monitor.alerts.output import Output
from monitor.alerts.pauses import Pause, Pauses
from monitor.alerts.policy import Policy
from monitor.alerts.service import ClockName
from monitor.alerts.suppress import Gate
from monitor.model import DeviceId, IncidentId, Instant, MonoMs, WallMs
from monitor.notifiers.notice import ExcuseLine, Notice, NoticeKind, OutboxEntry
from monitor.storage.ledger.records import IncidentEvent, MessageQueued, Told

EXCUSES = 3
"""Exclusions that the end of a breach names."""
_LOOK_AGAIN_MS = 1000
"""How soon an incident is looked at again at the soonest."""
_HELD_MS = 5000
"""How soon one that is held back is looked at again: what holds it back may have shrunk to nothing."""


class Teller:
    def __init__(
        self,
        policy: Policy,
        fleet: FleetView,
        incidents: dict[IncidentId, Incident],
        out: Callable[[], Output],
        next_message: int,
    ) -> None:
        self._policy = policy
        self._fleet = fleet
        self._incidents = incidents
        self._out = out
        self._next_message = next_message
        self._ended: list[IncidentId] = []
        self._due: list[tuple[MonoMs, IncidentId]] = []
        self.gate = Gate(policy.inhibits, policy.maintenance, fleet.device)
        self.digest = Digest(policy.storm)
        self.pauses = Pauses(fleet)

    def reload(self, policy: Policy, now: Instant) -> None:
        self._policy = policy
        self.gate.inhibits, self.gate.maintenance = policy.inhibits, policy.maintenance
        self.gate.changed()
        self.digest.settings = policy.storm
        for incident in self._incidents.values():
            incident.level = policy.level_of(incident.open_alerts())
        self.review(now)

    def review(self, now: Instant) -> None:
        """Levels or pauses have changed: what is due is worked out anew."""
        for incident in self._incidents.values():
            if incident.last_notice is not None:
                self._schedule_next(incident, now)

    # ---------------------------------------------------------------- when

    def opened(self, incident: Incident, now: Instant) -> None:
        self.digest.count(now)
        self.schedule(incident, int(incident.pace.group_wait * 1000), now)

    def gate_changed(self, now: Instant) -> None:
        """A silence began or ended: what it held back is looked at now."""
        self.gate.changed()
        for incident in self._incidents.values():
            if incident.held:
                self.schedule(incident, 0, now)

    def restored(self, incident: Incident, now: Instant) -> None:
        """Go on where the last run stopped."""
        if incident.last_told is None and not incident.told:
            self.opened(incident, now)
            return
        ago = max(0, now.wall - incident.last_told) if incident.last_told is not None else 0
        incident.last_notice = MonoMs(now.mono - ago)
        self._schedule_next(incident, now)

    def changed(self, incident: Incident, now: Instant) -> None:
        """Something to add: not before ``group_interval`` after the last message."""
        incident.news = True
        if incident.last_notice is not None:
            due = incident.last_notice + int(incident.pace.group_interval * 1000)
            self.schedule(incident, max(0, due - now.mono), now)

    def schedule(self, incident: Incident, in_ms: int, now: Instant) -> None:
        due = MonoMs(now.mono + in_ms)
        if incident.next_notice is None or due < incident.next_notice:
            incident.next_notice = due
            heapq.heappush(self._due, (due, incident.id))

    def wait_anew(self, incident: Incident, now: Instant) -> None:
        """What nobody has heard of yet turns out to be something else: it may still be growing."""
        if incident.last_notice is None:
            incident.next_notice = None
            self.schedule(incident, int(incident.pace.group_wait * 1000), now)

    def on_tick(self, now: Instant) -> None:
        while self._due and self._due[0][0] <= now.mono:
            due, id_ = heapq.heappop(self._due)
            incident = self._incidents.get(id_)
            if incident is not None and incident.next_notice == due:
                incident.next_notice = None
                self._look(incident, now)
        if self.digest.due(now):
            if self.digest.storming(now):
                # Those that still gather are of the same storm: one digest speaks of all.
                for incident in [i for i in self._incidents.values() if i.last_notice is None]:
                    self._look(incident, now)
            self._tell_digest(now)

    def idle_until(self) -> MonoMs | None:
        """There is nothing to tell before then, unless something changes."""
        dues = [
            due for due in (self._due[0][0] if self._due else None, self.digest.next_due) if due is not None
        ]
        return min(dues, default=None)

    def _look(self, incident: Incident, now: Instant) -> None:
        """Whatever is due for this incident now."""
        alerts = incident.open_alerts()
        if not alerts:
            return  # it is about to be resolved
        held = self.gate.closed_for(alerts, self._all_alerts, now.wall)
        if held != incident.held:
            self._event(incident.id, now, "held back" if held else "no longer held back", held)
            incident.held = held
        if held:
            edge = self.gate.next_edge(now.wall) - now.wall
            self.schedule(incident, max(_LOOK_AGAIN_MS, min(_HELD_MS, edge)), now)
            return
        offline = offline_of(incident, self._fleet)
        self._tell(incident, offline, now)
        self._climb(incident, offline, now)
        self._report_progress(incident, offline, now)
        self._schedule_next(incident, now)

    def _all_alerts(self) -> Iterable[Alert]:
        return (alert for incident in self._incidents.values() for alert in incident.open_alerts())

    def _schedule_next(self, incident: Incident, now: Instant) -> None:
        """The next moment at which there may be something to tell."""
        dues = [rung.due for rung in rungs(incident, now.wall, self.pauses.of(incident))]
        if incident.level is not None and incident.level.progress is not None:
            dues.append(self._progress_due(incident, incident.level.progress))
        if incident.is_acknowledged(now.wall) and incident.ack_until is not None:
            dues.append(incident.ack_until)
        waits = [due - now.wall for due in dues]
        if incident.last_notice is not None:
            since = now.mono - incident.last_notice
            if not incident.is_acknowledged(now.wall):
                waits.append(int(incident.pace.repeat_interval * 1000) - since)
            if incident.news:
                waits.append(int(incident.pace.group_interval * 1000) - since)
        if waits:
            self.schedule(incident, max(_LOOK_AGAIN_MS, min(waits)), now)

    # ---------------------------------------------------------------- what

    def _tell(self, incident: Incident, offline: list[DeviceId], now: Instant) -> None:
        """Tell those who have not been told yet, and the others what has changed or still is."""
        first = incident.last_notice is None
        since = now.mono - incident.last_notice if incident.last_notice is not None else 0
        graver = incident.last_severity is not None and incident.severity > incident.last_severity
        restless = incident.restless and not incident.told_restless
        rested = since >= incident.pace.group_interval * 1000
        grown = len(offline) > incident.last_offline and rested
        changed = not first and (grown or graver or (restless and rested))
        repeat = not incident.is_acknowledged(now.wall) and since >= incident.pace.repeat_interval * 1000
        storm = self.digest.storming(now) if first else self._is_stormy(incident)
        channels = self._policy.channels(incident.receivers, now.wall)
        new = [channel for channel in channels if channel not in incident.told]
        self._say(incident, NoticeKind.OPENED, new, offline, now, storm=storm)
        if changed or repeat:
            kind = NoticeKind.CHANGED if changed else NoticeKind.REPEATED
            again = [channel for channel in channels if channel not in new]
            self._say(incident, kind, again, offline, now, storm=storm)
        if first or changed or repeat:
            incident.last_notice, incident.last_told = now.mono, now.wall
            incident.last_offline = max(incident.last_offline, len(offline))
            incident.last_severity = incident.severity
            if restless:
                incident.told_restless = True
                self._event(incident.id, now, "comes and goes", "")
        if rested:
            incident.news = False

    def _is_stormy(self, incident: Incident) -> bool:
        """It was, or is about to be, told by digest: so is all that follows."""
        return bool(incident.digested) or self.digest.holds(incident.id)

    def _say(
        self,
        incident: Incident,
        kind: NoticeKind,
        channels: Iterable[str],
        offline: list[DeviceId],
        now: Instant,
        *,
        storm: bool = False,
        detail: str = "",
        clock: Reading | None = None,
        excuses: tuple[ExcuseLine, ...] = (),
    ) -> None:
        channels = list(channels)
        if storm:
            self.digest.tell(incident.id, channels, now)
            return
        if not channels:
            return
        pause = self._pause(incident, now.wall) if kind is not NoticeKind.RESOLVED else None
        notice = notice_of(incident, kind, offline, self._fleet, now.wall, detail, clock, pause, excuses)
        for channel in channels:
            incident.told[channel] += 1
            incident.digested.discard(channel)
            self._put(notice, channel, incident.id, now)

    def _pause(self, incident: Incident, at: WallMs) -> Pause | None:
        if incident.level is None:
            return None
        open_now = [p for p in self.pauses.of(incident) if p.begins <= at < p.ends]
        return max(open_now, key=lambda p: p.ends, default=None)

    def excuses_of(self, incident: Incident, now: Instant) -> tuple[ExcuseLine, ...]:
        """The exclusions that ended its breaches, in place of devices that came back."""
        excused = dict.fromkeys(id_ for alert in incident.alerts.values() for id_ in alert.excused)
        found = self.pauses.excusing(excused, now.wall) if excused else []
        return tuple(ExcuseLine(e.id, e.cause.value) for e in found[:EXCUSES])

    def tell_end(
        self,
        incident: Incident,
        now: Instant,
        *,
        by_digest: bool = False,
        excuses: tuple[ExcuseLine, ...] = (),
    ) -> None:
        """Whoever was told hears the end; with ``by_digest`` a digest has told those who knew it from one."""
        told = {channel for channel, count in incident.told.items() if count > 0}
        if by_digest:
            told -= incident.digested
        self._say(incident, NoticeKind.RESOLVED, sorted(told), [], now, excuses=excuses)

    def announce(self, notice: Notice, receivers: Iterable[str], now: Instant) -> int:
        """Something that is no incident, such as a report; to how many channels it goes."""
        channels = self._policy.channels(receivers, now.wall)
        for channel in channels:
            self._put(notice, channel, None, now)
        return len(channels)

    def _put(self, notice: Notice, channel: str, incident: IncidentId | None, now: Instant) -> None:
        entry = OutboxEntry(self._next_message, channel, notice, now.wall)
        self._next_message += 1
        out = self._out()
        out.messages.append(entry)
        out.records.append(
            MessageQueued(entry.id, incident, channel, notice.kind.value, notice.to_json(), now.wall)
        )

    # ---------------------------------------------------------------- the ladder

    def _climb(self, incident: Incident, offline: list[DeviceId], now: Instant) -> None:
        """Every rung of the ladder that is due and not yet taken; of several for one channel, the last."""
        due = [r for r in rungs(incident, now.wall, self.pauses.of(incident)) if r.due <= now.wall]
        last_for: dict[str, int] = {}
        for rung in due:
            incident.steps_done.add(rung.key)
            receivers = ", ".join(rung.step.receivers)
            self._event(
                incident.id,
                now,
                "escalated",
                f"{rung.level} #{rung.number} at {rung.step.after}: {receivers}",
            )
            for channel in self._policy.channels(rung.step.receivers, now.wall):
                if not rung.at_once or not (channel in incident.told or self.digest.holds(incident.id)):
                    last_for[channel] = rung.number
        for rung in due:
            channels = [channel for channel, index in last_for.items() if index == rung.number]
            kind = NoticeKind.OPENED if rung.at_once else NoticeKind.ESCALATED
            clock = None if rung.at_once else self._read(incident, rung.step.clock, now)
            storm = self._is_stormy(incident)
            self._say(incident, kind, channels, offline, now, storm=storm, detail=rung.step.note, clock=clock)

    def _read(self, incident: Incident, clock: ClockName, now: Instant) -> Reading | None:
        return read_clock(incident, clock, now.wall, self.pauses.of(incident))

    def _progress_due(self, incident: Incident, every_s: float) -> WallMs:
        last = incident.last_progress if incident.last_progress is not None else incident.opened
        return WallMs(last + int(every_s * 1000))

    def _report_progress(self, incident: Incident, offline: list[DeviceId], now: Instant) -> None:
        """The customer hears how a severe incident stands."""
        level = incident.level
        if level is None or level.progress is None or self._progress_due(incident, level.progress) > now.wall:
            return
        incident.last_progress = now.wall
        channels = self._policy.channels(level.progress_to, now.wall)
        clock = self._read(incident, ClockName.REPAIR, now)
        storm = self._is_stormy(incident)
        self._say(incident, NoticeKind.PROGRESS, channels, offline, now, storm=storm, clock=clock)

    # ---------------------------------------------------------------- storms

    def end_in_digest(self, incident: Incident, now: Instant) -> bool:
        """Whether the end of the incident is told by the storm's digest; it stays open until that."""
        if incident.digested:
            self.digest.tell_end(incident.id, now)
        return bool(incident.digested)

    def take_ended(self) -> list[IncidentId]:
        """Incidents whose end a digest has just told."""
        ended, self._ended = self._ended, []
        return ended

    def _tell_digest(self, now: Instant) -> None:
        waiting, over = self.digest.take(now)
        ended = [i for id_ in over if (i := self._incidents.get(id_)) and not i.open_alerts()]
        heard = dict.fromkeys(channel for incident in ended for channel in sorted(incident.digested))
        for channel in dict.fromkeys([*waiting, *heard]):
            opened = [
                incident
                for id_ in waiting.get(channel, ())
                if (incident := self._incidents.get(id_)) and incident.open_alerts()
            ]
            closed = [incident for incident in ended if channel in incident.digested]
            if opened or closed:
                self._put(digest_notice(opened, closed, self._fleet, now.wall), channel, None, now)
            for incident in opened:
                if channel not in incident.told:
                    incident.told[channel] += 1
                    incident.digested.add(channel)
                    self._out().records.append(Told(incident.id, channel))
        self._ended.extend(incident.id for incident in ended)

    def _event(self, id_: IncidentId, now: Instant, kind: str, text: str) -> None:
        self._out().records.append(IncidentEvent(id_, now.wall, kind, "", text))
