"""Results and points → line protocol, cheaply: tags are written once per device, lines once per shape.

The results of one check mostly have the same metrics in the same order. Each such *shape* is compiled once
into a ``%`` template of bytes, and all results of one shape in a slice are written by one formatting. A run
that holds something else (strings, NaN, wrong types) goes the slow way, value by value, to the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from math import isfinite
from operator import itemgetter
from typing import Any, NamedTuple

from monitor.model import Device, DeviceId, Point, Reading, Result, Tags
from monitor.storage import line
from monitor.storage.schema import DEVICE_TAGS, FieldType, Schema

Value = float | int | bool | str
_Key = tuple[tuple[str, ...], tuple[Tags, ...]]
"""What makes a shape: the metrics and the own tags of a result's readings."""

_REPORTED = {tag.name: f"{tag.name}_reported" for tag in DEVICE_TAGS}
"""What a device says of itself under the name of a tag: 3.x allows no name to be tag and field."""

MAX_SHAPES = 20_000
"""Shapes hold the tags of ports and disks; beyond this many all are forgotten and compiled anew."""


class Encoded(NamedTuple):
    body: bytes
    points: int


class _Shape(NamedTuple):
    template: bytes
    pick: Callable[[Any], tuple[Any, ...]] | None
    """Puts (device tags, time, *values) into the template's order; None: already so, for one line."""
    lines: int
    integers: tuple[int, ...]
    """Which values are written as integers, and so must fit into 64 bits."""


def device_tags(device: Device) -> Tags:
    """The tags that readings of a device carry: bounded in number, in the order of the schema."""
    values = {
        "kind": device.kind.value,
        "key_site": "true" if device.key_site else "false",
        "vendor": device.vendor,
        "model": device.model,
        "area": device.area,
        "site": device.site,
        "device": device.id,
    }
    return tuple((tag.name, values[tag.name]) for tag in DEVICE_TAGS)


class Encoder:
    """Not thread-safe. ``bad_values`` counts what was left out, never silently."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._devices: Mapping[DeviceId, Device] = {}
        self._device_text: dict[DeviceId, bytes] = {}
        self._shapes: dict[_Key, _Shape | None] = {}
        self._learned: dict[tuple[str, str], FieldType] = {}
        self.bad_values = 0

    def devices_changed(self, devices: Mapping[DeviceId, Device]) -> None:
        self._devices = devices
        self._device_text = {}  # refilled as devices report: no pause for 100,000 of them

    def schema_changed(self, schema: Schema) -> None:
        if schema is not self._schema:
            self._schema = schema
            self._shapes.clear()

    def results(self, results: Sequence[Result]) -> Encoded:
        """A slice of results. The work is proportional to its readings: call it with a few thousand.

        Lines of one shape come together: their order is not that of the results.
        """
        out: list[bytes] = []
        readings = [result.readings for result in results]
        lengths = {*map(len, readings)}
        if len(lengths) == 1:  # as it mostly is, and mostly of one shape
            points = self._same_length(out, results, readings)
            return Encoded(b"".join(out), points)
        points = 0
        for length in lengths:
            chosen = [number for number, found in enumerate(readings) if len(found) == length]
            points += self._same_length(out, [results[n] for n in chosen], [readings[n] for n in chosen])
        return Encoded(b"".join(out), points)

    def _same_length(
        self, out: list[bytes], results: Sequence[Result], readings: Sequence[tuple[Reading, ...]]
    ) -> int:
        count, width = len(results), 3 * len(readings[0])
        if not width:
            return 0
        flat: list[Any] = [*chain.from_iterable(chain.from_iterable(readings))]
        metrics, tags = flat[0:width:3], flat[2:width:3]
        if flat[0::3] == metrics * count and flat[2::3] == tags * count:
            return self._write(out, (tuple(metrics), tuple(tags)), results, flat[1::3])
        return sum(
            self._write(out, key, members, values)
            for key, (members, values) in _by_shape(results, flat, width).items()
        )

    def _write(self, out: list[bytes], key: _Key, run: Sequence[Result], values: list[Any]) -> int:
        """Write results of one shape at once, or one by one if any of them does not fit it."""
        try:
            shape = self._shapes[key]
        except KeyError:
            shape = self._compile(key)
        texts = [self._device_text.get(result.device) or self._tag_text(result.device) for result in run]
        if shape is not None:
            try:
                _check_numbers(shape, values, len(key[0]))
                out.append(shape.template * len(run) % _arguments(shape, texts, run, values))
                return len(run) * shape.lines
            except (TypeError, ValueError, OverflowError):  # a string; NaN, infinity, beyond 64 bits
                pass
        lines: list[str] = []
        for text, result in zip(texts, run, strict=True):
            self._slow(lines, text.decode(), result)
        out.append("".join(lines).encode())
        return len(lines)

    def points(self, points: Iterable[Point]) -> Encoded:
        lines: list[str] = []
        for point in points:
            written = self._line(point.measurement, line.tag_text(point.tags), point.fields, point.at)
            if written is not None:
                lines.append(written)
        return Encoded("".join(lines).encode(), len(lines))

    def _tag_text(self, id: DeviceId) -> bytes:
        device = self._devices.get(id)
        text = line.tag_text((("device", id),) if device is None else device_tags(device)).encode()
        self._device_text[id] = text
        return text

    def _compile(self, key: _Key) -> _Shape | None:
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        shape = self._shapes[key] = self._shape(*key)
        return shape

    def _shape(self, metrics: tuple[str, ...], tags: tuple[Tags, ...]) -> _Shape | None:
        template, order, integers = "", [], []
        groups = _groups(metrics, tags)
        for (measurement, own), members in groups.items():
            if not measurement:
                return None
            head = (line.measurement(measurement) + "%b" + line.tag_text(own).replace("%", "%%")) + " "
            order.append(0)
            fields = []
            for name, index in members:
                conversion = self._conversion(measurement, name)
                if conversion is None or not name:
                    return None
                fields.append(line.key(name).replace("%", "%%") + "=" + conversion)
                order.append(index + 2)
                if conversion == "%di":
                    integers.append(index)
            order.append(1)
            template += head + ",".join(fields) + " %d\n"
        pick = itemgetter(*order) if len(groups) > 1 else None
        return _Shape(template.encode(), pick, len(groups), tuple(integers))

    def _conversion(self, measurement: str, name: str) -> str | None:
        """How ``%`` writes a value of this field whatever number it is given; None when it cannot."""
        if "%" in measurement:
            return None
        field = self._schema.field(measurement, name)
        if field is not None and field.type is FieldType.FLOAT:
            # 15 digits carry any decimal of 15 digits there and back, and never end in noise.
            return "%.15g" if field.decimals is None else f"%.{field.decimals}f"
        # An integer field cuts fractions. For what is unknown or not a number only the slow way can tell.
        return "%di" if field is not None and field.type is FieldType.INT else None

    def _slow(self, lines: list[str], text: str, result: Result) -> None:
        readings = result.readings
        groups = _groups(tuple(r.metric for r in readings), tuple(r.tags for r in readings))
        for (measurement, own), members in groups.items():
            fields = tuple((name, readings[index].value) for name, index in members)
            written = self._line(measurement, text + line.tag_text(own), fields, result.at)
            if written is not None:
                lines.append(written)

    def _line(
        self, measurement: str, tag_text: str, fields: Iterable[tuple[str, Value]], at: int
    ) -> str | None:
        written = []
        for name, value in fields:
            text = self._value(measurement, name, value) if measurement and name else None
            if text is None:
                self.bad_values += 1
            else:
                written.append(f"{line.key(name)}={text}")
        if not written:
            return None
        return f"{line.measurement(measurement)}{tag_text} {','.join(written)} {at}\n"

    def _value(self, measurement: str, name: str, value: Value) -> str | None:
        """The value in the field's one type, or None when it has no place there."""
        field = self._schema.field(measurement, name)
        decimals = None if field is None else field.decimals
        kind = self._learn(measurement, name, value) if field is None else field.type
        if isinstance(value, str):
            return line.string_text(value) if kind is FieldType.STRING else None
        if kind is FieldType.BOOL:
            return ("true" if value else "false") if isinstance(value, bool) or value in (0, 1) else None
        if kind is FieldType.STRING or not isfinite_number(value):
            return None
        if kind is FieldType.INT:
            return line.int_text(int(value))
        if field is None:
            return line.float_text(value)
        return f"{value:.15g}" if decimals is None else f"{value:.{decimals}f}"

    def _learn(self, measurement: str, name: str, value: Value) -> FieldType:
        """The type of a field that the schema does not know: fixed by the first value, numbers as floats."""
        if isinstance(value, bool):
            kind = FieldType.BOOL
        else:
            kind = FieldType.STRING if isinstance(value, str) else FieldType.FLOAT
        if len(self._learned) < MAX_SHAPES:
            return self._learned.setdefault((measurement, name), kind)
        return self._learned.get((measurement, name), kind)


def _by_shape(
    results: Sequence[Result], flat: list[Any], width: int
) -> Mapping[_Key, tuple[list[Result], list[Any]]]:
    """Results of one length that are of several shapes, each with its values one after the other."""
    found: dict[_Key, tuple[list[Result], list[Any]]] = {}
    for number, result in enumerate(results):
        part = flat[number * width : (number + 1) * width]
        members, values = found.setdefault((tuple(part[0::3]), tuple(part[2::3])), ([], []))
        members.append(result)
        values += part[1::3]
    return found


def _check_numbers(shape: _Shape, values: list[Any], width: int) -> None:
    """Raises ``ValueError`` for NaN and infinities, ``OverflowError`` for an integer beyond 64 bits,
    ``TypeError`` for what is no number."""
    if not isfinite(sum(values)):  # a sum too large for a float takes the slow way, to the same text
        raise ValueError
    for position in shape.integers:
        column = values[position::width]
        if max(column) > line.INT_MAX or min(column) < line.INT_MIN:
            raise OverflowError


def _arguments(
    shape: _Shape, texts: list[bytes], run: Sequence[Result], values: list[Any]
) -> tuple[Any, ...]:
    """What the template takes. Columns are copied as wholes: a loop over results would cost a fifth more."""
    count = len(run)
    width = len(values) // count
    if shape.pick is not None:
        rows = (
            shape.pick((text, result.at, *values[n * width : (n + 1) * width]))
            for n, (text, result) in enumerate(zip(texts, run, strict=True))
        )
        return (*chain.from_iterable(rows),)
    arguments: list[Any] = [None] * (count * (width + 2))
    arguments[0 :: width + 2] = texts
    for column in range(width):
        arguments[column + 1 :: width + 2] = values[column::width]
    arguments[width + 1 :: width + 2] = [result.at for result in run]
    return tuple(arguments)


def isfinite_number(value: float | int) -> bool:
    """Finite, and small enough to become a float."""
    try:
        return isfinite(value)
    except OverflowError:
        return False


def _groups(
    metrics: tuple[str, ...], tags: tuple[Tags, ...]
) -> dict[tuple[str, Tags], list[tuple[str, int]]]:
    """Readings by the line that they share: (measurement, own tags) → (field, position)."""
    groups: dict[tuple[str, Tags], list[tuple[str, int]]] = {}
    for index, (metric, own) in enumerate(zip(metrics, tags, strict=True)):
        measurement, _, name = metric.partition(".")
        groups.setdefault((measurement, own), []).append((_REPORTED.get(name, name), index))
    return groups
