"""The incident desk: signals in; incidents, their books and messages out.

Each step's output (``take``) is written to the ledger in one transaction by the caller, messages with the
change that caused them. Who was told is known by channel, and whoever was told that something broke is told
that it ended, whatever became of routes, receivers and the process in between.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.alerts.facts import FleetView, notice_of, offline_of, title_of
from monitor.alerts.grouping import group_of, home_of
from monitor.alerts.incident import Alert, Fingerprint, Incident
from monitor.alerts.routes import RouteSettings, Routing, find_route
from monitor.model import DeviceId, IncidentId, Instant, MonoMs, WallMs
from monitor.notifiers.notice import NoticeKind, OutboxEntry
from monitor.rules.base import Rate, Signal
from monitor.storage.ledger.records import AlertSaved, IncidentEvent, IncidentSaved, MessageQueued, Record


@dataclass(slots=True)
class Output:
    """What one step made: for the ledger, and, once that has committed, for the lanes."""

    records: list[Record] = field(default_factory=list)
    messages: list[OutboxEntry] = field(default_factory=list)
    opened: list[Incident] = field(default_factory=list)
    resolved: list[Incident] = field(default_factory=list)


class UnknownIncident(Exception):
    """No open incident has this number."""


class Desk:
    """All open incidents."""

    def __init__(
        self,
        routes: Sequence[RouteSettings],
        receivers: Mapping[str, Sequence[str]],
        fleet: FleetView,
        *,
        next_incident: IncidentId,
        next_message: int,
    ) -> None:
        self.routes = routes
        self.receivers = receivers
        self.fleet = fleet
        self.incidents: dict[IncidentId, Incident] = {}
        self._next_incident = next_incident
        self._next_message = next_message
        self._alerts: dict[Fingerprint, IncidentId] = {}
        self._by_device: dict[DeviceId, IncidentId] = {}
        self._closing: dict[IncidentId, str] = {}
        self._due: list[tuple[MonoMs, IncidentId]] = []
        self._out = Output()
        self.rate_now: Callable[[Fingerprint], Rate | None] = lambda fingerprint: None
        """The rate of an alert's group as it stands: for the message that all is well again."""

    def reload(self, routes: Sequence[RouteSettings], receivers: Mapping[str, Sequence[str]]) -> None:
        """New routes are for new alerts; open incidents keep theirs, as far as their receivers remain."""
        self.routes = routes
        self.receivers = receivers

    def take(self) -> Output:
        """What has been made since the last call."""
        out, self._out = self._out, Output()
        return out

    # ---------------------------------------------------------------- a restart

    def restore(self, incidents: Iterable[Incident], now: Instant) -> None:
        """Take up the open incidents of the last run, with their pacing."""
        for incident in incidents:
            self.incidents[incident.id] = incident
            for alert in incident.open_alerts():
                self._index(alert, incident)
            if not incident.open_alerts():
                self._closing[incident.id] = ""
            lead = incident.lead()
            routing = find_route(self.routes, lead.all_labels())
            self._set_pace(incident, routing)
            if incident.last_told is None:
                self._schedule(incident, int(incident.group_wait_s * 1000), now)
            else:
                ago = max(0, now.wall - incident.last_told)
                incident.last_notice = MonoMs(now.mono - ago)
                self._schedule(incident, max(0, int(incident.repeat_interval_s * 1000) - ago), now)

    def firing(self) -> dict[str, list[tuple[tuple[tuple[str, str], ...], WallMs]]]:
        """The open alerts by rule: for rules to take up."""
        found: dict[str, list[tuple[tuple[tuple[str, str], ...], WallMs]]] = {}
        for incident in self.incidents.values():
            for alert in incident.open_alerts():
                found.setdefault(alert.fingerprint.rule, []).append((alert.fingerprint.key, alert.since))
        return found

    def end_rules_except(self, rules: Iterable[str], now: Instant) -> None:
        """Rules that are gone from the configuration fire no more: their alerts end."""
        kept = set(rules)
        for fingerprint in [f for f in self._alerts if f.rule not in kept]:
            self._end(fingerprint, now, "rule removed")

    # ---------------------------------------------------------------- signals

    def on_signals(self, signals: Iterable[Signal], now: Instant) -> None:
        for signal in signals:
            fingerprint = Fingerprint(signal.rule, signal.key)
            if not signal.firing:
                if fingerprint in self._alerts:
                    self.incidents[self._alerts[fingerprint]].alerts[fingerprint].rate = signal.rate
                    self._end(fingerprint, now)
            elif fingerprint in self._alerts:
                self._update(self.incidents[self._alerts[fingerprint]], fingerprint, signal, now)
            else:
                self._begin(Alert.of(signal), now)

    def _begin(self, alert: Alert, now: Instant) -> None:
        routing = find_route(self.routes, alert.all_labels())
        group = group_of(alert, routing)
        incident = home_of(alert, group, self.incidents, self._by_device, self.fleet, now)
        if incident is None:
            incident = self._open(alert, group, routing, now)
        else:
            self._join(incident, alert, routing, now)
        incident.alerts[alert.fingerprint] = alert
        incident.joined_last = now.mono
        incident.cause, incident.subject, incident.place = title_of(incident, self.fleet)
        self._index(alert, incident)
        self._save(incident)
        self._out.records.append(_alert_record(alert, incident.id))

    def _open(self, alert: Alert, group: str, routing: Routing | None, now: Instant) -> Incident:
        incident = Incident(
            id=self._next_incident,
            opened=now.wall,
            since=alert.since,
            cause=alert.cause,
            severity=alert.severity,
            subject=alert.subject,
            place=alert.place,
            group=group,
            receivers=routing.receivers if routing else (),
        )
        self._next_incident = IncidentId(self._next_incident + 1)
        self._set_pace(incident, routing)
        self.incidents[incident.id] = incident
        self._schedule(incident, int(incident.group_wait_s * 1000), now)
        self._out.opened.append(incident)
        return incident

    def _set_pace(self, incident: Incident, routing: Routing | None) -> None:
        if routing is not None:
            incident.group_wait_s = routing.route.group_wait
            incident.group_interval_s = routing.route.group_interval
            incident.repeat_interval_s = routing.route.repeat_interval

    def _join(self, incident: Incident, alert: Alert, routing: Routing | None, now: Instant) -> None:
        incident.since = min(incident.since, alert.since)
        new = tuple(r for r in (routing.receivers if routing else ()) if r not in incident.receivers)
        incident.receivers += new
        graver = alert.severity > incident.severity
        if graver:
            incident.severity = alert.severity
        if routing is not None and (graver or new):
            self._schedule(incident, int(routing.route.group_wait * 1000), now)
        else:
            self._schedule_change(incident, now)

    def _update(self, incident: Incident, fingerprint: Fingerprint, signal: Signal, now: Instant) -> None:
        alert = incident.alerts[fingerprint]
        grown = not set(signal.offline) <= set(alert.offline)
        alert.rate, alert.offline = signal.rate, signal.offline
        alert.offline_set = frozenset(signal.offline)
        if grown:
            self._schedule_change(incident, now)

    def _end(self, fingerprint: Fingerprint, now: Instant, why: str = "") -> None:
        incident = self.incidents[self._alerts.pop(fingerprint)]
        alert = incident.alerts[fingerprint]
        alert.until = now.wall
        if alert.device is not None and not any(a.device == alert.device for a in incident.open_alerts()):
            self._by_device.pop(alert.device, None)
        self._out.records.append(_alert_record(alert, incident.id))
        if not incident.open_alerts():
            self._closing[incident.id] = why
            self._close(now)

    def _index(self, alert: Alert, incident: Incident) -> None:
        self._alerts[alert.fingerprint] = incident.id
        if alert.device is not None:
            self._by_device.setdefault(alert.device, incident.id)

    # ---------------------------------------------------------------- messages

    def _schedule(self, incident: Incident, in_ms: int, now: Instant) -> None:
        due = MonoMs(now.mono + in_ms)
        if incident.next_notice is None or due < incident.next_notice:
            incident.next_notice = due
            heapq.heappush(self._due, (due, incident.id))

    def _schedule_change(self, incident: Incident, now: Instant) -> None:
        """Something to add: not before ``group_interval`` after the last message."""
        if incident.last_notice is not None:
            due = incident.last_notice + int(incident.group_interval_s * 1000)
            self._schedule(incident, max(0, due - now.mono), now)

    def on_tick(self, now: Instant) -> None:
        if self._closing:
            self._close(now)
        while self._due and self._due[0][0] <= now.mono:
            due, id_ = heapq.heappop(self._due)
            incident = self.incidents.get(id_)
            if incident is not None and incident.next_notice == due:
                incident.next_notice = None
                self._tell(incident, now)

    def _tell(self, incident: Incident, now: Instant) -> None:
        """Tell those who have not been told yet, and the others what has changed or still is."""
        offline = offline_of(incident, self.fleet)
        changed = len(offline) > incident.last_offline or incident.last_notice is None
        repeat = (
            incident.acked_at is None
            and incident.last_notice is not None
            and now.mono - incident.last_notice >= incident.repeat_interval_s * 1000
        )
        for channel in self._channels(incident):
            if channel not in incident.told:
                self._queue(incident, NoticeKind.OPENED, channel, offline, now)
            elif changed:
                self._queue(incident, NoticeKind.CHANGED, channel, offline, now)
            elif repeat:
                self._queue(incident, NoticeKind.REPEATED, channel, offline, now)
        incident.last_offline = max(incident.last_offline, len(offline))
        if changed or repeat:
            incident.last_notice, incident.last_told = now.mono, now.wall
        self._schedule(incident, int(incident.repeat_interval_s * 1000), now)

    def _close(self, now: Instant) -> None:
        """Resolve what is over. A switch that is back is not the end while the cameras behind it are still to
        answer: each comes back, or is ``down`` by itself after the boot grace."""
        for id_, why in list(self._closing.items()):
            incident = self.incidents[id_]
            if incident.open_alerts():
                del self._closing[id_]
            elif not any(a.device and self.fleet.behind(a.device) for a in incident.alerts.values()):
                del self._closing[id_]
                self._resolve(incident, now, why)

    def _resolve(self, incident: Incident, now: Instant, why: str) -> None:
        incident.resolved = now.wall
        for alert in incident.alerts.values():
            if alert.rate is not None:
                alert.rate = self.rate_now(alert.fingerprint) or alert.rate
        del self.incidents[incident.id]
        self._save(incident)
        self._event(incident.id, now, "resolved", text=why)
        for channel in sorted(incident.told):
            self._queue(incident, NoticeKind.RESOLVED, channel, [], now)
        self._out.resolved.append(incident)

    def _channels(self, incident: Incident) -> list[str]:
        names = dict.fromkeys(c for r in incident.receivers for c in self.receivers.get(r, ()))
        return list(names)

    def _queue(
        self, incident: Incident, kind: NoticeKind, channel: str, offline: list[DeviceId], now: Instant
    ) -> None:
        notice = notice_of(incident, kind, offline, self.fleet, now.wall)
        entry = OutboxEntry(self._next_message, channel, notice, now.wall)
        self._next_message += 1
        incident.told.add(channel)
        self._out.messages.append(entry)
        self._out.records.append(
            MessageQueued(entry.id, incident.id, channel, kind.value, notice.to_json(), now.wall)
        )

    # ---------------------------------------------------------------- people

    def acknowledge(self, id_: IncidentId, author: str, now: Instant) -> Incident:
        """Somebody works on it: it is not repeated any more."""
        incident = self.incidents.get(id_)
        if incident is None:
            raise UnknownIncident(f"no open incident #{id_}")
        incident.acked_at, incident.acked_by = now.wall, author
        self._save(incident)
        self._event(id_, now, "acknowledged", author)
        return incident

    # ---------------------------------------------------------------- books

    def _save(self, incident: Incident) -> None:
        self._out.records.append(
            IncidentSaved(
                incident.id,
                incident.opened,
                incident.since,
                incident.resolved,
                incident.cause,
                int(incident.severity),
                incident.subject,
                incident.place,
                incident.group,
                incident.receivers,
                incident.acked_at,
                incident.acked_by,
            )
        )

    def _event(self, id_: IncidentId, now: Instant, kind: str, author: str = "", text: str = "") -> None:
        self._out.records.append(IncidentEvent(id_, now.wall, kind, author, text))


def _alert_record(alert: Alert, incident: IncidentId) -> AlertSaved:
    return AlertSaved(
        incident,
        alert.fingerprint.rule,
        json.dumps(alert.fingerprint.key, ensure_ascii=False),
        alert.since,
        alert.until,
        alert.cause,
        int(alert.severity),
        json.dumps(alert.labels, ensure_ascii=False),
        alert.subject,
        alert.place,
        alert.device,
        alert.detail,
    )
