"""The one table of all that this room writes: what the profiles name, and what the collector adds."""

from __future__ import annotations

from monitor.collectors.snmp.profiles import Metric, Profiles

_PORT = ("ifIndex", "ifDescr", "ifAlias")

OWN = (
    Metric("snmp", "uptime_s", "integer", "s", (), ()),
    Metric("snmp", "restarted", "boolean", "", (), ()),
    Metric("snmp", "poll_ms", "float", "ms", (), ()),
    Metric("interface", "link_lost", "boolean", "", _PORT, ()),
    Metric("camera_vlan", "unknown_addresses", "integer", "", ("ifIndex", "ifDescr", "vlan"), ()),
    Metric("trap", "received", "integer", "", ("name", "ifIndex", "port"), ()),
    Metric("trap", "over_limit", "integer", "", (), ()),
    Metric("trap", "alarm", "integer", "", ("name",), ()),
)


def table(profiles: Profiles) -> tuple[Metric, ...]:
    """Measurement, field, type, unit and tags, in order: for the sink's schema and docs/metrics.md."""
    found = {(metric.measurement, metric.field): metric for metric in (*OWN, *profiles.metrics)}
    return tuple(found[key] for key in sorted(found))
