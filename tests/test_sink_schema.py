"""The schema table: printed page, naming, and what the rest of the house writes."""

from __future__ import annotations

import random
import re
from pathlib import Path

from monitor.collectors.snmp.metrics import table
from monitor.collectors.snmp.profiles import load
from monitor.model import Device, DeviceId, Kind, State, WallMs
from monitor.points import state_results
from monitor.states import Track
from monitor.storage.encoder import _REPORTED
from monitor.storage.schema import Carries
from monitor.storage.schema_page import page
from monitor.storage.stats import SinkStats
from monitor.storage.tables import SCHEMA

ROOT = Path(__file__).parents[1]
METRIC = re.compile(r'Reading\(\s*f?"((?:\w+)\.(?:\w+))"|^\s+\("((?:ping|tcp|onvif|rtsp|http)\.\w+)"', re.M)


def test_docs_metrics_md_is_printed_from_the_table() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text("utf-8") == page(SCHEMA), (
        "run python -m monitor.storage.schema_page > docs/metrics.md"
    )


def test_no_name_is_tag_and_field_at_once() -> None:
    """3.x refuses a table that has both."""
    for row in SCHEMA.measurements:
        assert not row.tag_names & set(row.by_field), row.name
        assert len(row.by_field) == len(row.fields)


def test_serials_incident_numbers_and_free_text_are_never_tags() -> None:
    for row in SCHEMA.measurements:
        assert not row.tag_names & {"id", "serial_number", "subject", "text", "address", "detail"}


def test_every_metric_that_a_collector_names_stands_in_the_table() -> None:
    missing = []
    for path in sorted((ROOT / "monitor" / "collectors").rglob("*.py")):
        for found in METRIC.findall(path.read_text("utf-8")):
            measurement, _, field = (found[0] or found[1]).partition(".")
            row, field = SCHEMA.measurement(measurement), _REPORTED.get(field, field)
            if row is None or field not in row.by_field or row.carries is not Carries.DEVICE:
                missing.append(f"{path.name}: {measurement}.{field}")
    assert missing == []


def test_the_sinks_own_books_stand_in_the_table() -> None:
    row = SCHEMA.measurement("camwatch_sink")
    assert row is not None
    names = {name for name, _ in SinkStats(received=random.Random(1).randrange(9)).point(WallMs(0)).fields}
    assert names == set(row.by_field)


def test_the_states_that_are_written_stand_in_the_table_and_carry_no_up_while_not_measured() -> None:
    track = Track(Device(DeviceId("c"), "Gate", Kind.CAMERA, "10.0.0.1"))
    row = SCHEMA.measurement("device_state")
    assert row is not None
    found = {}
    for state in State:
        track.state = state
        [result] = state_results([track], WallMs(0))
        values = {reading.metric.partition(".")[2]: reading.value for reading in result.readings}
        assert set(values) <= set(row.by_field)
        found[state] = (values["code"], values.get("up"))
    assert found == {
        State.UP: (0, 1),
        State.DOWN: (1, 0),
        State.UNREACHABLE: (2, 0),
        State.UNKNOWN: (3, None),
    }


def test_all_that_the_snmp_profiles_write_stands_in_the_table_with_its_type_and_tags() -> None:
    for metric in table(load(ROOT / "etc" / "snmp")):
        row = SCHEMA.measurement(metric.measurement)
        assert row is not None and metric.field in row.by_field, metric
        assert row.by_field[metric.field].type.value == metric.type, metric
        assert set(metric.tags) <= row.tag_names, metric
