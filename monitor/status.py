"""What ``camwatch status`` shows: one snapshot of the running daemon, as plain data."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any

from monitor.alerts.facts import offline_of
from monitor.core import Core
from monitor.model import State
from monitor.tally import CAMERAS, Count

_NAMED = 200
"""Devices off line that are listed by name; the rest are counted."""


def snapshot(core: Core) -> dict[str, Any]:
    """JSON-able; times are UTC milliseconds."""
    now = core.clock.now()
    pipeline = core.pipeline
    tally = pipeline.tally
    # No more are looked at than in a power cut of a district: a sort of a hundred thousand would be felt.
    fallen = [pipeline.states.tracks[id_] for id_ in islice(tally.offline, 50 * _NAMED)]
    down = sorted(fallen, key=lambda t: (t.state is not State.DOWN, not t.device.key_site, t.since))
    return {
        "now": now.wall,
        "started": core.started.wall,
        "blind": pipeline.states.blind,
        "devices": len(pipeline.states.tracks),
        "states": {state.value: count for state, count in tally.states.items() if count},
        "cameras": _rate(tally.scopes.get(CAMERAS, Count())),
        "areas": [
            {"area": scope.name, **_rate(counts)}
            for scope, counts in tally.scopes.items()
            if scope.kind == "area"
        ],
        "offline": len(tally.offline),
        "down": [
            {
                "id": t.device.id,
                "name": t.device.name,
                "kind": t.device.kind.value,
                "area": t.device.area,
                "site": t.device.site,
                "key_site": t.device.key_site,
                "address": t.device.address,
                "state": t.state.value,
                "since": t.since,
                "reason": t.reason.value,
                "detail": t.detail,
                "flapping": t.flapping,
            }
            for t in down[:_NAMED]
        ],
        "incidents": [
            {
                "id": i.id,
                "cause": i.cause,
                "severity": i.severity.label,
                "subject": i.subject,
                "place": i.place,
                "since": i.since,
                "opened": i.opened,
                "acked_by": i.acked_by,
                "acked_at": i.acked_at,
                "held": i.held,
                "level": i.level.name if i.level is not None else "",
                "offline": len(offline_of(i, pipeline.fleet)),
                "told": sorted(i.told),
                "alerts": [
                    {"rule": a.fingerprint.rule, "subject": a.subject, "since": a.since, "detail": a.detail}
                    for a in i.open_alerts()
                ],
            }
            for i in pipeline.desk.incidents.values()
        ],
        "checks": [
            {
                "check": check,
                "interval_s": interval,
                "devices": count,
                "overruns": core.schedule.overruns()[check],
                **core.checks.timing(check),
            }
            for check, (interval, count) in core.schedule.sizes().items()
        ],
        "outbox": [
            {
                "channel": lane.channel,
                "waiting": lane.pending,
                "delivered": lane.delivered,
                "dead": lane.dead,
                "failing": lane.failing,
                "last": lane.last.detail if lane.last is not None else "",
            }
            for lane in core.deliveries.stats()
        ],
        "ledger": {"waiting": core.ledger.waiting, "trouble": core.ledger.trouble()},
        "sink": {"trouble": core.sink.trouble()},
        "loop_lag_ms": round(core.health.loop_lag_ms, 1),
        "tasks": len(asyncio.all_tasks()),
        "task_failures": core.health.task_failures + core.checks.failures,
    }


def _rate(count: Count) -> dict[str, int]:
    return {
        "online": count.online,
        "counted": count.counted,
        "unmeasured": count.unmeasured,
        "excluded": count.excluded,
    }
