"""How incidents, alerts and silences are written to the ledger."""

from __future__ import annotations

import json

from monitor.alerts.incident import Alert, Incident
from monitor.alerts.suppress import Silence
from monitor.model import IncidentId
from monitor.notifiers.evidence import evidence_json
from monitor.storage.ledger.records import AlertSaved, IncidentSaved, SilenceSaved


def incident_record(incident: Incident) -> IncidentSaved:
    return IncidentSaved(
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
        incident.ack_until,
        incident.level.name if incident.level is not None else "",
    )


def alert_record(alert: Alert, incident: IncidentId) -> AlertSaved:
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
        evidence_json(alert.evidence),
        alert.unreported,
    )


def silence_record(silence: Silence) -> SilenceSaved:
    return SilenceSaved(
        silence.id,
        json.dumps(silence.match.source, ensure_ascii=False),
        silence.author,
        silence.reason,
        silence.begins,
        silence.ends,
    )
