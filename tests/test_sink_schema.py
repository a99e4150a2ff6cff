"""The schema table: printed page, naming, and what the rest of the house writes."""

from __future__ import annotations

import random
import re
from pathlib import Path

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
    names = {name for name, _ in SinkStats(received=random.Random(1).randrange(9)).point(0).fields}  # type: ignore[arg-type]
    assert names == set(row.by_field)
