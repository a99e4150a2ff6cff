"""The dashboards: built from code, only naming what the schema has, and each panel shows something."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.collectors.snmp.profiles import load
from monitor.demo.fleet import CORE, demo_fleet
from monitor.demo.hour import DEAD_CAMERA, demo_hour
from monitor.model import WallMs
from monitor.storage.encoder import Encoder
from monitor.storage.schema import DEVICE_TAGS
from monitor.storage.tables import SCHEMA
from tests.sink_support import Influxd, influxd  # noqa: F401 (fixture)
from tests.test_sink_line import post

FOLDER = Path(__file__).parents[1] / "etc" / "grafana"
SNMP_PROFILES = FOLDER.parent / "snmp"
BOARDS = sorted(FOLDER.glob("dashboards/*/*.json"))


def boards() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in BOARDS:
        yield path, json.loads(path.read_text("utf-8"))


def queries(board: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(where, what sort, InfluxQL) of each panel, variable and annotation."""
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], panel["type"], target["query"]
    for variable in board.get("templating", {}).get("list", []):
        yield variable["name"], "variable", variable["query"]
    for note in board["annotations"]["list"]:
        yield note["name"], "annotation", note["target"]["query"]


def test_there_are_six_dashboards_in_two_languages() -> None:
    names = {"area", "daemon", "device", "network", "servers", "wall"}
    assert {(path.parent.name, path.stem) for path in BOARDS} == {
        (lang, name) for lang in ("zh", "en") for name in names
    }
    assert len({board["uid"] for _, board in boards()}) == 12


def test_the_committed_json_is_what_the_code_builds() -> None:
    pytest.importorskip("grafana_foundation_sdk", reason="needs the Python package grafana-foundation-sdk")
    from tools.dashboards.__main__ import FOLDER as target
    from tools.dashboards.__main__ import rendered

    assert target == FOLDER / "dashboards"
    built = {target / path: text for path, text in rendered()}
    assert set(built) == set(BOARDS)
    for path, text in built.items():
        assert path.read_text("utf-8") == text, f"{path.name}: run python -m tools.dashboards"


def test_the_dashboards_are_valid_by_grafanas_published_schema() -> None:
    """The SDK's models are generated from that schema: what passes through them unchanged conforms to it."""
    pytest.importorskip("grafana_foundation_sdk", reason="needs the Python package grafana-foundation-sdk")
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

    for path, board in boards():
        plain = json.loads(json.dumps(board))
        for panel in plain["panels"]:
            panel.pop("targets")  # InfluxQL is not among the SDK's data sources
        plain["annotations"]["list"] = []
        again = json.loads(JSONEncoder().encode(Dashboard.from_json(plain)))
        assert again == plain, path


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_dashboard_names_only_measurements_tags_and_fields_of_the_schema(path: Path) -> None:
    for where, sort, query in queries(json.loads(path.read_text("utf-8"))):
        measurements = set(re.findall(r'FROM "(\w+)"', query))
        assert measurements, (where, query)
        rows = [SCHEMA.measurement(name) for name in measurements]
        assert all(rows), (where, query)
        known = {name for row in rows if row for name in (*row.by_field, *row.tag_names)}
        known |= set(re.findall(r'AS "(\w+)"', query)) | measurements
        named = set(re.findall(r'"(\w+)"', query))
        assert named <= known, (where, named - known)
        if sort == "variable":
            assert "SHOW TAG VALUES" in query


def test_incidents_are_marked_and_the_dashboards_link_to_each_other() -> None:
    for path, board in boards():
        assert board["links"][0]["tags"] == ["camwatch", path.parent.name]
        assert "camwatch" in board["tags"] and path.parent.name in board["tags"]
        linked = set(re.findall(r"/d/(camwatch-[\w-]+)\?", json.dumps(board)))
        assert linked <= {other["uid"] for _, other in boards()}
        if path.stem in ("wall", "area", "network", "servers"):
            assert linked
        if path.stem in ("wall", "area", "device"):  # a row of the incidents leads to what was going on then
            [table] = [
                panel for panel in board["panels"] if 'FROM "incident"' in panel["targets"][0]["query"]
            ]
            properties = [p for o in table["fieldConfig"]["overrides"] for p in o["properties"]]
            links = [p["value"][0]["url"] for p in properties if p["id"] == "links"]
            assert len(links) == 2 and all("time.window=" in link for link in links), path


def test_the_dashboards_of_devices_can_be_narrowed_to_an_area_and_a_site() -> None:
    wanted = {
        "wall": [],
        "daemon": [],
        "area": ["area", "site", "kind"],
        "device": ["area", "site", "kind", "device"],
        "network": ["area", "site", "switch"],
        "servers": ["area", "site", "server"],
    }
    for path, board in boards():
        names = [variable["name"] for variable in board.get("templating", {}).get("list", [])]
        assert names == wanted[path.stem], path
        for name in names:
            used = sum(f"${{{name}" in query for _, sort, query in queries(board) if sort != "variable")
            narrows = sum(f"${{{name}" in query for _, sort, query in queries(board) if sort == "variable")
            assert used or narrows, (path, name)


@pytest.fixture(scope="module")
def hour(influxd: Influxd) -> WallMs:  # noqa: F811
    """When the simulated hour ended that the database holds."""
    database, end = influxd.create("camwatch"), WallMs(int(time.time() * 1000))
    fleet, encoder = demo_fleet(), Encoder(SCHEMA)
    encoder.devices_changed(fleet.devices)
    for minute in demo_hour(fleet, end, random.Random(1)):
        body = encoder.results(minute.results).body + encoder.points(minute.points).body
        assert post(influxd, database, body) == (204, "")
    assert encoder.bad_values == 0
    return end


def filled(query: str, device: str, end: WallMs) -> str:
    """As Grafana would ask at the end of the hour, however long ago that was on a busy machine."""
    query = query.replace("$timeFilter", "time > now() - 1h").replace("$__interval", "1m")
    query = query.replace("now()", f"{end}ms").replace("${device}", device)
    return re.sub(r"\$\{\w+:regex\}", ".*", query)


def device_that_has(query: str) -> str:
    """A device of the demonstration fleet that writes what the query of the device dashboard reads."""
    special = {
        "interface": "sw-01",
        "cpu": "sw-01",
        "mem": "sw-01",
        "board": CORE,
        "incident": DEAD_CAMERA,
    }
    found = (id_ for name, id_ in special.items() if f'FROM "{name}"' in query or f"'{name}." in query)
    return next(found, "cam-00-01")


def test_both_languages_ask_the_same() -> None:
    asked = {path: [query for _, _, query in queries(board)] for path, board in boards()}
    for path, found in asked.items():
        assert found == asked[path.parents[1] / "zh" / path.name]


@pytest.mark.parametrize(
    "path", [path for path in BOARDS if path.parent.name == "zh"], ids=lambda path: path.stem
)
def test_every_query_yields_plausible_series_after_an_hour(
    influxd: Influxd,  # noqa: F811
    hour: WallMs,
    path: Path,
) -> None:
    for where, sort, query in queries(json.loads(path.read_text("utf-8"))):
        series = influxd.query(filled(query, device_that_has(query), hour), "camwatch")
        assert series, (where, query)
        rows = [row for one in series for row in one["values"]]
        values = [value for row in rows for value in row[1:] if value is not None]
        assert values, (where, query)
        numbers = [value for value in values if not isinstance(value, str)]
        if '"rate"' in query and sort in ("stat", "bargauge", "timeseries"):
            assert all(0 <= number <= 100 for number in numbers), (where, numbers)
        if sort == "timeseries":
            assert len(rows) >= (2 if '"code" = ' in query else 15), (where, query)
        if sort == "stat":
            assert len(rows) == 1, (where, rows)
        devices = {one["tags"]["device"] for one in series if "device" in one.get("tags", {})}
        if path.stem in ("network", "servers") and sort != "variable":  # "all" is all of that kind
            camera = [device for device in devices if device.startswith("cam")]
            assert not camera, (where, query)


def test_the_demonstration_writes_what_real_agents_would_by_the_profiles() -> None:
    """Else a dashboard could show the demonstration and stay empty for the switches of the field."""
    found = {(metric.measurement, metric.field): metric for metric in load(SNMP_PROFILES).metrics}
    measurements = {metric.measurement for metric in found.values()}
    checked = set()
    [minute] = demo_hour(demo_fleet(), WallMs(1_800_000_000_000), random.Random(1), minutes=1)
    for result in minute.results:
        for metric, _, tags in result.readings:
            measurement, _, field = metric.partition(".")
            if measurement not in measurements or field == "link_lost":  # of the topology, not of a profile
                continue
            assert (measurement, field) in found, metric
            assert {name for name, _ in tags} <= set(found[measurement, field].tags), (metric, tags)
            checked.add(measurement)
    assert {"interface", "poe", "poe_port", "cpu", "mem", "board", "disk", "recorder_disk"} <= checked


def test_the_schema_knows_all_that_the_demonstration_writes() -> None:
    fleet = demo_fleet()
    for minute in demo_hour(fleet, WallMs(1_800_000_000_000), random.Random(1)):
        for result in minute.results:
            for metric, _, tags in result.readings:
                measurement, _, field = metric.partition(".")
                row = SCHEMA.measurement(measurement)
                assert row and field in row.by_field, metric
                assert {name for name, _ in tags} <= row.tag_names - {tag.name for tag in DEVICE_TAGS}
        for point in minute.points:
            row = SCHEMA.measurement(point.measurement)
            assert row, point
            assert {name for name, _ in point.fields} <= set(row.by_field), point
            assert {name for name, _ in point.tags} <= row.tag_names, point


def test_provisioning_files_name_the_data_source_and_the_folders() -> None:
    import yaml  # a dependency of influxdb-client's neighbours, there in any development set-up

    source = yaml.safe_load((FOLDER / "provisioning" / "datasources" / "camwatch.yaml").read_text("utf-8"))
    assert [entry["uid"] for entry in source["datasources"]] == ["camwatch"]
    providers = yaml.safe_load((FOLDER / "provisioning" / "dashboards" / "camwatch.yaml").read_text("utf-8"))
    assert {entry["options"]["path"].rsplit("/", 1)[1] for entry in providers["providers"]} == {"zh", "en"}
