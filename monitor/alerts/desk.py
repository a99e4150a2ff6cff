"""The incident desk: signals in; incidents, their books and messages out.

Each step's output (``take``) is written to the ledger in one transaction by the caller, messages with the
change that caused them. The desk opens, gathers, merges and ends incidents; ``telling`` decides who hears of
them and when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from monitor.alerts.books import alert_record, incident_record, silence_record
from monitor.alerts.facts import FleetView, places_of, title_of
from monitor.alerts.grouping import Index, group_of, swallowed_by
from monitor.alerts.incident import Alert, Fingerprint, Incident, Pace
from monitor.alerts.output import Output
from monitor.alerts.policy import Policy
from monitor.alerts.restless import Restless
from monitor.alerts.routes import Routing, find_route
from monitor.alerts.suppress import Silence
from monitor.alerts.telling import Teller
from monitor.model import IncidentId, Instant, MonoMs, Tags, WallMs
from monitor.notifiers.notice import OutboxEntry
from monitor.rules.base import Rate, Signal
from monitor.states import Flap
from monitor.storage.ledger.records import IncidentEvent, Record


@dataclass(slots=True)
class _Aside:
    """A firing alert of an incident that was resolved by hand."""

    alert: Alert
    until: MonoMs


class UnknownIncident(Exception):
    """No open incident has this number."""


class Desk:
    """All open incidents."""

    def __init__(
        self, policy: Policy, fleet: FleetView, *, next_incident: IncidentId, next_message: int
    ) -> None:
        self.policy = policy
        self.fleet = fleet
        self._index = Index()
        self.incidents = self._index.incidents
        self._next_incident = next_incident
        self._closing: dict[IncidentId, str] = {}
        self._restless = Restless()
        self._aside: dict[Fingerprint, _Aside] = {}
        self._touched: dict[IncidentId, bool] = {}
        """Incidents that this batch of signals has added to, and whether a power cut has grown in them."""
        self._out = Output()
        self.teller = Teller(policy, fleet, self.incidents, lambda: self._out, next_message)
        self.rate_now: Callable[[Fingerprint], Rate | None] = lambda fingerprint: None
        """The rate of an alert's group as it stands: for the message that all is well again."""

    def reload(self, policy: Policy, now: Instant) -> None:
        """New routes are for new alerts; open incidents keep theirs, as far as their receivers remain."""
        self.policy = policy
        self.teller.reload(policy, now)

    def take(self) -> Output:
        """What has been made since the last call."""
        out, self._out = self._out, Output()
        return out

    def idle_until(self) -> MonoMs | None:
        """Nothing happens at the desk before then, unless a signal comes."""
        dues = [aside.until for aside in self._aside.values()]
        if (calm := self._restless.next_due()) is not None:
            dues.append(calm)
        if (due := self.teller.idle_until()) is not None:
            dues.append(due)
        return min(dues, default=None)

    # ---------------------------------------------------------------- a restart

    def restore(self, incidents: Iterable[Incident], silences: Iterable[Silence], now: Instant) -> None:
        """Take up the open incidents of the last run, with their pacing."""
        self.teller.gate.silences = {silence.id: silence for silence in silences}
        for incident in incidents:
            self._index.add(incident)
            for alert in incident.open_alerts():
                self._index.add_alert(alert, incident)
                if incident.restless:
                    self._restless.restored(alert.fingerprint, now)
            if not incident.open:
                self._closing[incident.id] = ""
            lead = incident.lead()
            self._set_pace(incident, find_route(self.policy.routes, lead.all_labels()))
            incident.level = self.policy.level_of(incident.open_alerts() or [lead])
            self.teller.restored(incident, now)

    def firing(self) -> dict[str, list[tuple[Tags, WallMs]]]:
        """The open alerts by rule: for rules to take up."""
        found: dict[str, list[tuple[Tags, WallMs]]] = {}
        for incident in self.incidents.values():
            for alert in incident.open_alerts():
                found.setdefault(alert.fingerprint.rule, []).append((alert.fingerprint.key, alert.since))
        for aside in self._aside.values():
            rule, key = aside.alert.fingerprint
            found.setdefault(rule, []).append((key, aside.alert.since))
        return found

    def end_rules_except(self, rules: Iterable[str], now: Instant) -> None:
        """Rules that are gone from the configuration fire no more: their alerts end."""
        kept = set(rules)
        for fingerprint in [f for f in self._index.by_alert if f.rule not in kept]:
            self._end(fingerprint, now, "rule removed")
        self._aside = {f: aside for f, aside in self._aside.items() if f.rule in kept}

    # ---------------------------------------------------------------- signals

    def on_signals(self, signals: Iterable[Signal], now: Instant) -> None:
        for signal in signals:
            fingerprint = Fingerprint(signal.rule, signal.key)
            id_ = self._index.by_alert.get(fingerprint)
            if not signal.firing:
                self._aside.pop(fingerprint, None)
                if id_ is not None:
                    ended = self.incidents[id_].alerts[fingerprint]
                    ended.rate, ended.excused = signal.rate, signal.excused
                    if not signal.final and self._restless.holds_end(fingerprint, now):
                        self._comes_and_goes(self.incidents[id_], now)
                        continue
                    self.incidents[id_].alerts[fingerprint].unreported = signal.unreported
                    self._end(fingerprint, now, "no longer reported" if signal.unreported else "")
            elif id_ is not None:
                self._restless.began(fingerprint)
                self._update(self.incidents[id_], fingerprint, signal, now)
            elif fingerprint in self._aside:
                self._aside[fingerprint].alert = Alert.of(signal)
            else:
                self._begin(Alert.of(signal), now)
        self._finish(now)

    def on_flaps(self, flaps: Iterable[Flap], now: Instant) -> None:
        for flap in flaps:
            id_ = self._index.by_device.get(flap.device)
            if flap.flapping and id_ is not None:
                self._comes_and_goes(self.incidents[id_], now)

    def _comes_and_goes(self, incident: Incident, now: Instant) -> None:
        """That is told once; and the end, once it has been calm for a while."""
        if not incident.restless:
            incident.restless = True
            self.teller.changed(incident, now)

    def on_tick(self, now: Instant) -> None:
        if self._closing:
            self._close(now)
        if self._aside:
            self._take_up_again(now)
        for fingerprint in self._restless.calm(now):
            self._end(fingerprint, now, "calm again")
        self.teller.on_tick(now)
        for id_ in self.teller.take_ended():
            incident = self.incidents[id_]
            ends = [alert.until for alert in incident.alerts.values() if alert.until is not None]
            self._resolve(incident, now, "", at=max(ends, default=now.wall), by_digest=True)

    def _take_up_again(self, now: Instant) -> None:
        """What was resolved by hand and still is so after a while opens a new incident."""
        for fingerprint in [f for f, aside in self._aside.items() if aside.until <= now.mono]:
            self._begin(self._aside.pop(fingerprint).alert, now)
        self._finish(now)

    def _begin(self, alert: Alert, now: Instant) -> None:
        routing = find_route(self.policy.routes, alert.all_labels())
        group = group_of(alert, routing)
        incident = self._index.home_of(alert, group, self.fleet, now)
        if incident is None:
            incident = self._open(alert, group, routing, now)
        else:
            self._join(incident, alert, routing, now)
        self._add(incident, alert, now)
        if alert.cause == "power_cut":
            self._touched[incident.id] = True
            self.teller.wait_anew(incident, now)

    def _finish(self, now: Instant) -> None:
        """What is worked out once for a batch of signals, however many alerts it brought."""
        touched, self._touched = self._touched, {}
        for id_, cut in touched.items():
            incident = self.incidents.get(id_)
            if incident is None:
                continue
            if cut:
                self._swallow(incident, now)
            if incident.open:
                incident.cause, incident.subject, incident.place = title_of(incident, self.fleet)
                incident.places = max(incident.places, places_of(incident))
            self._save(incident)

    def _add(self, incident: Incident, alert: Alert, now: Instant) -> None:
        incident.add(alert)
        incident.joined_last = now.mono
        self._touched.setdefault(incident.id, False)
        self._index.add_alert(alert, incident)
        self._out.records.append(alert_record(alert, incident.id))

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
            level=self.policy.level_of([alert]),
        )
        self._next_incident = IncidentId(self._next_incident + 1)
        self._set_pace(incident, routing)
        self._index.add(incident)
        self._save(incident)
        self.teller.opened(incident, now)
        self._out.opened.append(incident)
        return incident

    def _set_pace(self, incident: Incident, routing: Routing | None) -> None:
        if routing is not None:
            route = routing.route
            incident.pace = Pace(route.group_wait, route.group_interval, route.repeat_interval)

    def _join(self, incident: Incident, alert: Alert, routing: Routing | None, now: Instant) -> None:
        incident.since = min(incident.since, alert.since)
        new = tuple(r for r in (routing.receivers if routing else ()) if r not in incident.receivers)
        incident.receivers += new
        incident.level = self.policy.graver(incident.level, self.policy.level_of([alert]))
        graver = alert.severity > incident.severity
        incident.severity = max(incident.severity, alert.severity)
        if new or graver:
            wait = routing.route.group_wait if routing is not None else 0.0
            self.teller.schedule(incident, int(wait * 1000), now)
        self.teller.changed(incident, now)

    def _swallow(self, incident: Incident, now: Instant) -> None:
        """A power cut was recognised: the incidents that its victims opened, and nobody has heard of, were
        the same case."""
        for other in swallowed_by(incident, self.incidents.values()):
            for alert in other.open_alerts():
                self._out.records.append(alert_record(replace(alert, until=now.wall), other.id))
                self._index.remove_alert(alert, other)
                self._add(incident, alert, now)
                incident.severity = max(incident.severity, alert.severity)
            incident.level = self.policy.graver(incident.level, other.level)
            incident.receivers += tuple(r for r in other.receivers if r not in incident.receivers)
            incident.since = min(incident.since, other.since)
            other.resolved = now.wall
            self._index.remove(other)
            self._save(other)
            self._event(other.id, now, "merged", text=f"into #{incident.id}")
            self._out.resolved.append(other)

    def _update(self, incident: Incident, fingerprint: Fingerprint, signal: Signal, now: Instant) -> None:
        alert = incident.alerts[fingerprint]
        grown = not set(signal.offline) <= alert.offline_set
        alert.rate, alert.offline, alert.excused = signal.rate, signal.offline, ()
        alert.offline_set = frozenset(signal.offline)
        if grown:
            self.teller.changed(incident, now)
            if alert.cause == "power_cut":
                self._touched[incident.id] = True

    def _end(self, fingerprint: Fingerprint, now: Instant, why: str = "") -> None:
        self._restless.drop(fingerprint)
        incident = self.incidents[self._index.by_alert[fingerprint]]
        alert = incident.alerts[fingerprint]
        incident.end(alert, now.wall)
        self._index.remove_alert(alert, incident)
        self._out.records.append(alert_record(alert, incident.id))
        if not incident.open:
            self._closing[incident.id] = why
            self._close(now)
        elif alert.rate is not None:
            self._touched.setdefault(incident.id, False)  # it may have given the incident its name

    def _close(self, now: Instant) -> None:
        """Resolve what is over. A switch that is back is not the end while the cameras behind it are still to
        answer: each comes back, or is ``down`` by itself after the boot grace."""
        for id_, why in list(self._closing.items()):
            incident = self.incidents[id_]
            if incident.open:
                del self._closing[id_]
            elif not any(a.device and self.fleet.behind(a.device) for a in incident.alerts.values()):
                del self._closing[id_]
                if not self.teller.end_in_digest(incident, now):
                    self._resolve(incident, now, why)

    def _resolve(
        self,
        incident: Incident,
        now: Instant,
        why: str,
        *,
        at: WallMs | None = None,
        by_digest: bool = False,
    ) -> None:
        incident.resolved = now.wall if at is None else at
        alerts = incident.alerts.values()
        if not incident.open and (
            any(a.cause == "power_cut" for a in alerts) or all(a.rate is not None for a in alerts)
        ):
            # Whatever fell later: people know it by this name.
            incident.cause, incident.subject, incident.place = title_of(incident, self.fleet)
        for alert in alerts:
            if alert.rate is not None:
                alert.rate = self.rate_now(alert.fingerprint) or alert.rate
        self._index.remove(incident)
        self._save(incident)
        excuses = () if incident.closed_by else self.teller.excuses_of(incident, now)
        if excuses and not why:
            why = "excused: " + ", ".join(f"exclusion {e.exclusion} ({e.cause})" for e in excuses)
        self._event(incident.id, now, "resolved", text="told by digest" if by_digest else why)
        self.teller.tell_end(incident, now, by_digest=by_digest, excuses=excuses)
        self._out.resolved.append(incident)

    # ---------------------------------------------------------------- people

    def acknowledge(
        self,
        id_: IncidentId,
        author: str,
        now: Instant,
        until: WallMs | None = None,
        proof: Sequence[Record] = (),
    ) -> Incident:
        """Somebody works on it: no repetition and no escalation, until then or for good. ``proof`` is booked
        with it."""
        incident = self._incident(id_)
        incident.acked_at, incident.acked_by, incident.ack_until = now.wall, author, until
        self._save(incident)
        self._event(id_, now, "acknowledged", author)
        self._out.records.extend(proof)
        self.teller.schedule(incident, 0, now)
        return incident

    def note(self, id_: IncidentId, kind: str, author: str, text: str, now: Instant) -> None:
        """Something for the record of any incident, also one that is over: a ``note``, or the ``cause`` that
        was found."""
        self._event(id_, now, kind, author, text)

    def resolve(self, id_: IncidentId, author: str, text: str, now: Instant) -> None:
        """A person says that it is over. What still fires after the route's ``repeat_interval`` opens a new
        incident."""
        incident = self._incident(id_)
        self._event(id_, now, "resolved by hand", author, text)
        until = MonoMs(now.mono + int(incident.pace.repeat_interval * 1000))
        for alert in incident.open_alerts():
            if not self._restless.began(alert.fingerprint):
                self._aside[alert.fingerprint] = _Aside(replace(alert), until)
            incident.end(alert, now.wall)
            self._restless.drop(alert.fingerprint)
            self._index.remove_alert(alert, incident)
            self._out.records.append(alert_record(alert, incident.id))
        self._closing.pop(id_, None)
        incident.closed_by, incident.closed_text = author, text
        self._resolve(incident, now, f"by {author}")

    def message_died(self, entry: OutboxEntry) -> None:
        """A message that no attempt will ever deliver: whoever has heard nothing else was not told."""
        incident = self.incidents.get(entry.notice.incident) if entry.notice.incident is not None else None
        if incident is not None:
            incident.told[entry.channel] -= 1
            if incident.told[entry.channel] <= 0:
                del incident.told[entry.channel]

    def next_silence(self) -> int:
        """A number that no silence had before."""
        return max(self.teller.gate.silences, default=0) + 1

    def silence(self, silence: Silence, now: Instant) -> None:
        """Begin, change or end a silence."""
        self.teller.gate.silences[silence.id] = silence
        self.teller.gate_changed(now)
        self._out.records.append(silence_record(silence))

    def _incident(self, id_: IncidentId) -> Incident:
        incident = self.incidents.get(id_)
        if incident is None:
            raise UnknownIncident(f"no open incident #{id_}")
        return incident

    # ---------------------------------------------------------------- books

    def _save(self, incident: Incident) -> None:
        self._out.records.append(incident_record(incident))

    def _event(self, id_: IncidentId, now: Instant, kind: str, author: str = "", text: str = "") -> None:
        self._out.records.append(IncidentEvent(id_, now.wall, kind, author, text))
