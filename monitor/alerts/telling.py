"""Telling: which channels hear what of an incident, and when.

First message, changes, repetitions, the ladder of escalation and its clocks, progress for the customer, and
the end. Whoever was told that something broke is told that it ended. What is held back (silence, maintenance,
inhibition) is told later if it is still so; the end is never held back.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence

from monitor.alerts.digest import Digest
from monitor.alerts.facts import FleetView, digest_notice, notice_of, offline_of
from monitor.alerts.incident import Alert, Incident
from monitor.alerts.output import Output
from monitor.alerts.policy import Policy
from monitor.alerts.service import Span, due_at
from monitor.alerts.suppress import Gate
from monitor.model import DeviceId, IncidentId, Instant, MonoMs, WallMs
from monitor.notifiers.notice import Notice, NoticeKind, OutboxEntry
from monitor.storage.ledger.records import IncidentEvent, MessageQueued, Told

_LOOK_AGAIN_MS = 1000
"""How soon an incident that is held back is looked at again."""


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
        self.pauses: Callable[[Incident], Sequence[Span]] = lambda incident: ()
        """The exclusions that stop an incident's clocks."""

    def reload(self, policy: Policy) -> None:
        self._policy = policy
        self.gate.inhibits, self.gate.maintenance = policy.inhibits, policy.maintenance
        self.digest.settings = policy.storm
        for incident in self._incidents.values():
            incident.level = policy.level_of(incident.lead())

    # ---------------------------------------------------------------- when

    def opened(self, incident: Incident, now: Instant) -> None:
        self.digest.count(now)
        self.schedule(incident, int(incident.pace.group_wait * 1000), now)

    def restored(self, incident: Incident, now: Instant) -> None:
        """Go on where the last run stopped."""
        if incident.last_told is None:
            self.schedule(incident, int(incident.pace.group_wait * 1000), now)
            return
        ago = max(0, now.wall - incident.last_told)
        incident.last_notice = MonoMs(now.mono - ago)
        self.schedule(incident, max(0, int(incident.pace.repeat_interval * 1000) - ago), now)
        self._schedule_ladder(incident, now)

    def changed(self, incident: Incident, now: Instant) -> None:
        """Something to add: not before ``group_interval`` after the last message."""
        if incident.last_notice is not None:
            due = incident.last_notice + int(incident.pace.group_interval * 1000)
            self.schedule(incident, max(0, due - now.mono), now)

    def schedule(self, incident: Incident, in_ms: int, now: Instant) -> None:
        due = MonoMs(now.mono + in_ms)
        if incident.next_notice is None or due < incident.next_notice:
            incident.next_notice = due
            heapq.heappush(self._due, (due, incident.id))

    def on_tick(self, now: Instant) -> None:
        while self._due and self._due[0][0] <= now.mono:
            due, id_ = heapq.heappop(self._due)
            incident = self._incidents.get(id_)
            if incident is not None and incident.next_notice == due:
                incident.next_notice = None
                self._look(incident, now)
        if self.digest.due(now):
            self._tell_digest(now)

    def _look(self, incident: Incident, now: Instant) -> None:
        """Whatever is due for this incident now."""
        alerts = incident.open_alerts()
        if not alerts:
            return  # it is about to be resolved
        incident.held = self.gate.closed_for(alerts, self._all_alerts(), now.wall)
        if incident.held:
            self.schedule(incident, _LOOK_AGAIN_MS, now)
            return
        self._tell(incident, now)
        self._climb(incident, now)
        self._report_progress(incident, now)
        self._schedule_next(incident, now)

    def _all_alerts(self) -> Iterable[Alert]:
        return (alert for incident in self._incidents.values() for alert in incident.open_alerts())

    def _schedule_next(self, incident: Incident, now: Instant) -> None:
        if incident.last_notice is not None:
            due = incident.last_notice + int(incident.pace.repeat_interval * 1000)
            self.schedule(incident, max(_LOOK_AGAIN_MS, due - now.mono), now)
        self._schedule_ladder(incident, now)

    # ---------------------------------------------------------------- what

    def _tell(self, incident: Incident, now: Instant) -> None:
        """Tell those who have not been told yet, and the others what has changed or still is."""
        offline = offline_of(incident, self._fleet)
        first = incident.last_notice is None
        last = incident.last_notice if incident.last_notice is not None else now.mono
        changed = (
            len(offline) > incident.last_offline and now.mono - last >= incident.pace.group_interval * 1000
        )
        repeat = (
            not incident.is_acknowledged(now.wall) and now.mono - last >= incident.pace.repeat_interval * 1000
        )
        channels = self._policy.channels(incident.receivers, now.wall)
        new = [channel for channel in channels if channel not in incident.told]
        if first and new and self.digest.storming(now):
            self.digest.opened(incident.id, new, now)
            incident.told.update(new)
            self._out().records.extend(Told(incident.id, channel) for channel in new)
        else:
            for channel in new:
                self.queue(incident, NoticeKind.OPENED, channel, offline, now)
        if not first and (changed or repeat):
            kind = NoticeKind.CHANGED if changed else NoticeKind.REPEATED
            for channel in channels:
                if channel not in new:
                    self.queue(incident, kind, channel, offline, now)
        if first or changed or repeat:
            incident.last_notice, incident.last_told = now.mono, now.wall
            incident.last_offline = max(incident.last_offline, len(offline))

    def tell_end(self, incident: Incident, now: Instant) -> None:
        for channel in sorted(incident.told):
            self.queue(incident, NoticeKind.RESOLVED, channel, [], now)

    def queue(
        self,
        incident: Incident,
        kind: NoticeKind,
        channel: str,
        offline: list[DeviceId],
        now: Instant,
        detail: str = "",
    ) -> None:
        incident.told.add(channel)
        notice = notice_of(incident, kind, offline, self._fleet, now.wall, detail)
        self._put(notice, channel, incident.id, now)

    def _put(self, notice: Notice, channel: str, incident: IncidentId | None, now: Instant) -> None:
        entry = OutboxEntry(self._next_message, channel, notice, now.wall)
        self._next_message += 1
        out = self._out()
        out.messages.append(entry)
        out.records.append(
            MessageQueued(entry.id, incident, channel, notice.kind.value, notice.to_json(), now.wall)
        )

    # ---------------------------------------------------------------- the ladder

    def _climb(self, incident: Incident, now: Instant) -> None:
        """Every rung of the ladder that is due and not yet taken."""
        level = incident.level
        if level is None or incident.is_acknowledged(now.wall):
            return
        for index, step in enumerate(level.steps):
            if index in incident.steps_done or self._step_due(incident, index, now) > now.wall:
                continue
            incident.steps_done.add(index)
            self._event(incident.id, now, "escalated", f"{index} {step.after} {', '.join(step.receivers)}")
            offline = offline_of(incident, self._fleet)
            for channel in self._policy.channels(step.receivers, now.wall):
                self.queue(incident, NoticeKind.ESCALATED, channel, offline, now, step.note)

    def _step_due(self, incident: Incident, index: int, now: Instant) -> WallMs:
        if incident.level is None:
            return now.wall
        step = incident.level.steps[index]
        needed = step.at_ms(incident.level.allowed_s(step.clock))
        return due_at(incident.opened, needed, now.wall, self.pauses(incident))

    def _schedule_ladder(self, incident: Incident, now: Instant) -> None:
        level = incident.level
        if level is None:
            return
        dues = [
            self._step_due(incident, index, now)
            for index in range(len(level.steps))
            if index not in incident.steps_done
        ]
        if incident.is_acknowledged(now.wall):
            dues = [incident.ack_until] if incident.ack_until is not None and dues else []
        if level.progress is not None:
            dues.append(self._progress_due(incident, level.progress))
        if dues:
            self.schedule(incident, max(_LOOK_AGAIN_MS, min(dues) - now.wall), now)

    def _progress_due(self, incident: Incident, every_s: float) -> WallMs:
        last = incident.last_progress if incident.last_progress is not None else incident.opened
        return WallMs(last + int(every_s * 1000))

    def _report_progress(self, incident: Incident, now: Instant) -> None:
        """The customer hears how a severe incident stands."""
        level = incident.level
        if level is None or level.progress is None or self._progress_due(incident, level.progress) > now.wall:
            return
        incident.last_progress = now.wall
        offline = offline_of(incident, self._fleet)
        for channel in self._policy.channels(level.progress_to, now.wall):
            self.queue(incident, NoticeKind.PROGRESS, channel, offline, now)

    # ---------------------------------------------------------------- storms

    def end_in_digest(self, incident: Incident, now: Instant) -> bool:
        """Whether the end of the incident is told by the storm's digest; it stays open until that."""
        return self.digest.ended(incident.id, incident.told, now)

    def take_ended(self) -> list[IncidentId]:
        """Incidents whose end a digest has just told."""
        ended, self._ended = self._ended, []
        return ended

    def _tell_digest(self, now: Instant) -> None:
        for channel, (opened, ended) in self.digest.take(now).items():
            self._ended.extend(ended)
            mentioned = [self._incidents[id_] for id_ in opened if id_ in self._incidents]
            if mentioned or ended:
                self._put(digest_notice(mentioned, len(ended), self._fleet, now.wall), channel, None, now)

    def _event(self, id_: IncidentId, now: Instant, kind: str, text: str) -> None:
        self._out().records.append(IncidentEvent(id_, now.wall, kind, "", text))
