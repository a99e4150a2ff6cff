"""The encoder: one shape or value by value, the text is the same; types never change."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model import Device, DeviceId, Kind, Reading, Reason, Result, WallMs
from monitor.storage.encoder import Encoder, device_tags
from monitor.storage.intake import SLICE, SLICE_READINGS, slices
from monitor.storage.schema import DEVICE_TAGS, Carries, Measurement, Schema, b, f, i
from monitor.storage.tables import SCHEMA

AT = WallMs(1_800_000_000_000)
CAMERA = Device(DeviceId("c1"), "Gate", Kind.CAMERA, "10.0.0.1", site="S 1", area="东", key_site=True)
FIELDS = [
    f"{row.name}.{field.name}"
    for row in SCHEMA.measurements
    for field in row.fields
    if row.name in ("ping", "tcp", "device_state", "camwatch_sink", "camwatch_daemon")
] + ["http.status", "http.body", "odd"]


def encoder() -> Encoder:
    made = Encoder(SCHEMA)
    made.devices_changed({CAMERA.id: CAMERA})
    return made


def result(*readings: Reading) -> Result:
    return Result(CAMERA.id, "icmp", AT, Reason.OK, readings)


def test_a_ping_is_one_line_with_the_tags_of_its_device() -> None:
    encoded = encoder().results(
        [result(Reading("ping.average_response_ms", 1.23456), Reading("ping.result_code", 0))]
    )
    assert encoded == (
        "ping,kind=camera,key_site=true,area=东,site=S\\ 1,device=c1 "
        f"average_response_ms=1.235,result_code=0i {AT}\n".encode(),
        1,
    )


def test_readings_with_other_tags_stand_in_lines_of_their_own() -> None:
    one, two = (("port", "80"),), (("port", "100%"),)
    body = (
        encoder()
        .results(
            [
                result(
                    Reading("tcp.response_ms", 1, one),
                    Reading("tcp.response_ms", 2.5, two),
                    Reading("tcp.result_code", 0, one),
                )
            ]
        )
        .body.decode()
        .splitlines()
    )
    assert [text.split(",device=c1,")[1] for text in body] == [
        f"port=80 response_ms=1.000,result_code=0i {AT}",
        f"port=100% response_ms=2.500 {AT}",
    ]


def test_a_device_that_is_not_in_the_book_is_tagged_by_its_id_alone() -> None:
    stranger = Result(DeviceId("x 9"), "icmp", AT, Reason.OK, (Reading("ping.result_code", 0),))
    assert encoder().results([stranger]).body == f"ping,device=x\\ 9 result_code=0i {AT}\n".encode()


def test_a_reload_changes_the_tags() -> None:
    made = encoder()
    made.results([result(Reading("ping.result_code", 0))])
    made.devices_changed({CAMERA.id: Device(CAMERA.id, "Gate", Kind.CAMERA, "10.0.0.1", site="S2")})
    assert b",site=S2," in made.results([result(Reading("ping.result_code", 0))]).body


def test_device_tags_are_those_of_the_schema_and_no_free_text() -> None:
    assert [name for name, _ in device_tags(CAMERA)] == [tag.name for tag in DEVICE_TAGS]
    assert "Gate" not in dict(device_tags(CAMERA)).values()


def test_nan_is_left_out_and_counted_and_the_rest_of_the_result_stays() -> None:
    made = encoder()
    good = result(Reading("ping.average_response_ms", 1.0), Reading("ping.result_code", 0))
    bad = result(Reading("ping.average_response_ms", math.nan), Reading("ping.result_code", 1))
    body = made.results([good, bad, good]).body.decode().splitlines()
    assert [text.split()[-2] for text in body] == [
        "average_response_ms=1.000,result_code=0i",
        "result_code=1i",
        "average_response_ms=1.000,result_code=0i",
    ]
    assert made.bad_values == 1


def test_an_unknown_field_keeps_the_type_of_its_first_value_and_numbers_are_floats() -> None:
    made = encoder()
    bodies = [
        made.results([result(Reading("http.status", value))]).body.split()[-2:-1]
        for value in (200, 200.5, True, "moved", False)
    ]
    assert bodies == [[b"status=200.0"], [b"status=200.5"], [b"status=1.0"], [], [b"status=0.0"]]
    assert made.bad_values == 1


VALUES = st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.booleans(), st.text(max_size=5))
READINGS = st.lists(
    st.builds(Reading, st.sampled_from(FIELDS), VALUES, st.sampled_from([(), (("port", "1"),)])), max_size=6
)


@given(st.lists(READINGS, max_size=5))
def test_a_compiled_shape_and_the_slow_way_write_the_same_text(batch: list[list[Reading]]) -> None:
    results = [result(*readings) for readings in batch]
    fast, slow = encoder(), encoder()
    for made in (fast, slow):  # a field unknown to the schema gets its type from whichever line comes first
        made.results([result(*(Reading(field, 1.0) for field in FIELDS))])
        made.bad_values = 0
    encoded = fast.results(results)
    lines: list[str] = []
    text = slow._tag_text(CAMERA.id).decode()
    for one in results:
        if one.readings:
            slow._slow(lines, text, one)
    # Lines of one shape come together, so the order is free; none holds a line break of its own.
    assert sorted(encoded.body.split(b"\n")) == sorted("".join(lines).encode().split(b"\n"))
    assert encoded.points == len(lines)
    assert fast.bad_values == slow.bad_values


def test_a_field_that_the_schema_gains_has_its_type_from_then_on() -> None:
    made = encoder()
    door = result(Reading("door.opened", 3), Reading("door.locked", 1), Reading("door.volts", 12))
    assert b"opened=3.0,locked=1.0,volts=12.0 " in made.results([door]).body  # unknown: numbers are floats
    row = Measurement(
        "door", "", Carries.DEVICE, (), (i("opened", "", ""), b("locked", ""), f("volts", "V", ""))
    )
    made.schema_changed(Schema((*SCHEMA.measurements, row)))
    assert b"opened=3i,locked=true,volts=12 " in made.results([door]).body


@settings(max_examples=40)
@given(st.lists(st.sampled_from([0, 1, 6, 6, 6, 400, 5000]), max_size=40), st.integers(1, 12))
def test_a_slice_is_never_too_heavy_and_nothing_is_left_out(sizes: list[int], times: int) -> None:
    """A few thousand readings between two turns of the event loop, or one result that is larger."""
    reading = Reading("ping.result_code", 0)
    results = [Result(CAMERA.id, "x", AT, Reason.OK, (reading,) * size) for size in sizes] * times
    parts = list(slices(results))
    assert [result for part in parts for result in part] == results
    for part in parts:
        assert len(part) <= SLICE
        assert len(part) == 1 or sum(len(r.readings) for r in part) <= SLICE_READINGS
