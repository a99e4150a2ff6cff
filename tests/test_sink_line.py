"""Line protocol: the escape cases go through a real server and no neighbour is lost."""

from __future__ import annotations

import gzip
import math
import re
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model import Point, WallMs
from monitor.storage import line
from monitor.storage.encoder import Encoder
from monitor.storage.tables import SCHEMA
from tests.sink_support import Influxd, influxd  # noqa: F401 (fixture)

AT = WallMs(1_800_000_000_000)
TEXTS = {
    "space": "a b",
    "comma": "a,b",
    "equals": "a=b",
    "quote": 'a"b',
    "backslash inside": "a\\b",
    "backslash last": "ab\\",
    "newline": "a\nb",
    "tab": "a\tb",
    "cjk": "路口",
    "emoji": "a📷b",
    "lone surrogate": "a\ud800b",
    "empty": "",
    "very long": "x" * 70_000,
}
POSITIONS = ("measurement", "tag key", "tag value", "field key", "string field")
# What the protocol cannot say in a name is replaced, always in the same way.
REPLACED = {"backslash last": "ab_", "newline": "a_b", "tab": "a_b", "lone surrogate": "a\ufffdb"}
NUMBERS = {
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "zero": 0.0,
    "-zero": -0.0,
    "2^63-1": 2**63 - 1,
    "2^63": 2**63,
    "-2^63": -(2**63),
    "true": True,
    "tiny": 5e-324,
    "small": 1.25e-7,
    "large": 1.5e300,
}


def post(influxd: Influxd, database: str, body: bytes) -> tuple[int, str]:  # noqa: F811
    request = Request(
        f"{influxd.url}/write?db={database}&precision=ms",
        data=gzip.compress(body),
        headers={"Content-Encoding": "gzip"},
    )
    try:
        with urlopen(request, timeout=60) as answer:
            return answer.status, ""
    except HTTPError as error:
        return error.code, error.read().decode()


def expected(position: str, case: str) -> str:
    text = TEXTS[case]
    if position == "string field":
        return {"lone surrogate": "a\ufffdb"}.get(case, text[: line.MAX_TEXT])
    return REPLACED.get(case, text[: line.MAX_NAME])


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("case", TEXTS)
def test_a_text_in_any_position_comes_back_and_its_neighbours_live(
    influxd: Influxd,  # noqa: F811
    position: str,
    case: str,
) -> None:
    database = influxd.create("case_" + re.sub(r"\W", "_", f"{position}_{case}").replace("\ud800", "_"))
    text = TEXTS[case]
    measurement = text if position == "measurement" else "m"
    tags = ((text if position == "tag key" else "t", text if position == "tag value" else "v"),)
    field = text if position == "field key" else "f"
    value = text if position == "string field" else "v"
    encoder = Encoder(SCHEMA)
    before = Point("neighbour", (), (("n", 1),), AT)
    after = Point("neighbour", (), (("n", 2),), WallMs(AT + 1))
    body = encoder.points([before, Point(measurement, tags, ((field, value), ("x", 1.5)), AT), after]).body
    assert post(influxd, database, body) == (204, "")
    assert influxd.query('SELECT count(n) FROM "neighbour"', database)[0]["values"][0][1] == 2

    names = {row[0] for row in influxd.query("SHOW MEASUREMENTS", database)[0]["values"]}
    names.discard("neighbour")
    if case == "empty" and position == "measurement":
        assert names == set()
        assert encoder.bad_values == 2
        return
    want = expected(position, case)
    [name] = names
    if position == "measurement":
        assert name == want
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    if case == "newline" and position == "measurement":
        assert "\n" not in quoted
    [series] = influxd.query(f'SELECT * FROM "{quoted}" GROUP BY *', database)
    row = dict(zip(series["columns"], series["values"][0], strict=True))
    assert row["x"] == 1.5
    if position == "tag key":
        assert series.get("tags", {}) == ({want: "v"} if want else {})
    if position == "tag value":
        assert series.get("tags", {}) == ({"t": want} if want else {})
    if position == "field key":
        assert set(row) == {"time", "x"} | ({want} if want else set())
    if position == "string field":
        assert row["f"] == want


@pytest.mark.parametrize("case", NUMBERS)
def test_a_number_comes_back_or_is_left_out_and_counted(influxd: Influxd, case: str) -> None:  # noqa: F811
    value = NUMBERS[case]
    database = influxd.create("number_" + re.sub(r"\W", "_", case) + ("n" if case[0] == "-" else ""))
    encoder = Encoder(SCHEMA)
    body = encoder.points(
        [
            Point("unknown", (), (("f", value), ("n", 1.0)), AT),
            Point("camwatch_sink", (), (("received", value), ("written", 1)), AT),
        ]
    ).body
    assert post(influxd, database, body) == (204, "")
    row = {}
    for measurement in ("unknown", "camwatch_sink"):
        [series] = influxd.query(f'SELECT * FROM "{measurement}"', database)
        row |= dict(zip(series["columns"], series["values"][0], strict=True))
    assert row["n"] == 1 and row["written"] == 1
    if not math.isfinite(value):
        assert "f" not in row and "received" not in row
        assert encoder.bad_values == 2
    else:
        assert float(row["f"]) == float(value)
        if abs(value) < 2**63 or value == -(2**63):
            assert row["received"] == int(value)
        else:
            assert "received" not in row
            assert encoder.bad_values == 1


TEXT = st.text(st.characters(codec=None), max_size=12)
VALUE = st.one_of(st.floats(), st.integers(), st.booleans(), TEXT)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            TEXT,
            st.lists(st.tuples(TEXT, TEXT), max_size=3),
            st.lists(st.tuples(TEXT, VALUE), min_size=1, max_size=3),
        )
    )
)
def test_a_body_splits_into_just_the_lines_that_went_in(
    points: list[tuple[str, list[tuple[str, str]], list[tuple[str, float | int | bool | str]]]],
) -> None:
    encoder = Encoder(SCHEMA)
    lines = [
        encoder.points([Point(name, tuple(tags), tuple(fields), AT)]).body for name, tags, fields in points
    ]
    lines = [text for text in lines if text]
    assert line.split_lines(b"".join(lines)) == lines


def test_comments_and_blank_lines_are_not_lines() -> None:
    assert line.split_lines(b'# dead\nm f=1 1\n\nm s="a\n# b" 2\n') == [b"m f=1 1\n", b'm s="a\n# b" 2\n']
