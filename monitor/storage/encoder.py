"""Results and points → line protocol, cheaply: tags are written once per device, lines once per shape.

The results of one check mostly have the same metrics in the same order. Each such *shape* is compiled once
into a ``%`` template, and a run of results of one shape is written by one formatting. A run that holds
something else (strings, booleans, NaN, wrong types) goes the slow way, value by value, to the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, NamedTuple

from monitor.model import Device, DeviceId, Point, Result, Tags
from monitor.storage import line
from monitor.storage.schema import DEVICE_TAGS, FieldType, Schema

Value = float | int | bool | str

_REPORTED = {tag.name: f"{tag.name}_reported" for tag in DEVICE_TAGS}
"""What a device says of itself under the name of a tag: 3.x allows no name to be tag and field."""

MAX_SHAPES = 20_000
"""Shapes hold the tags of ports and disks; beyond this many all are forgotten and compiled anew."""


class Encoded(NamedTuple):
    body: bytes
    points: int


class _Shape(NamedTuple):
    template: str
    pick: Callable[[Any], tuple[Any, ...]] | None
    """Puts (device tags, time, *values) into the template's order; None: already so, for one line."""
    lines: int
    width: int
    """Arguments that the template takes."""
    integers: tuple[int, ...]
    """Which of them are written as integers, and so must fit into 64 bits."""


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
        self._device_text: dict[DeviceId, str] = {}
        self._shapes: dict[tuple[tuple[str, ...], tuple[Tags, ...]], _Shape | None] = {}
        self._learned: dict[tuple[str, str], FieldType] = {}
        self.bad_values = 0

    def devices_changed(self, devices: Mapping[DeviceId, Device]) -> None:
        self._devices = devices
        self._device_text = {}  # refilled as devices report: no pause for 100,000 of them

    def results(self, results: Sequence[Result]) -> Encoded:
        """A slice of results. The work is proportional to its length: call it with a few hundred."""
        out: list[str] = []
        shapes, texts = self._shapes, self._device_text
        points = start = runs = 0
        shape: _Shape | None = None
        arguments: list[Any] = []
        last_metrics: tuple[str, ...] = ()
        last_tags: tuple[Tags, ...] = ()
        for index, result in enumerate(results):
            readings = result.readings
            if not readings:
                continue
            metrics, values, tags = zip(*readings)  # noqa: B905 (a Reading has three; strict costs 5 %)
            if metrics != last_metrics or tags != last_tags:
                points += self._format(out, shape, runs, arguments, results[start:index])
                start, runs, arguments = index, 0, []
                last_metrics, last_tags = metrics, tags
                try:
                    shape = shapes[metrics, tags]
                except KeyError:
                    shape = self._compile(metrics, tags)
            if shape is None:
                continue
            text = texts.get(result.device) or self._tag_text(result.device)
            if shape.pick is None:
                arguments.append(text)
                arguments += values
                arguments.append(result.at)
            else:
                arguments += shape.pick((text, result.at, *values))
            runs += 1
        points += self._format(out, shape, runs, arguments, results[start:])
        return Encoded("".join(out).encode(), points)

    def _format(
        self, out: list[str], shape: _Shape | None, runs: int, arguments: list[Any], run: Sequence[Result]
    ) -> int:
        """Write a run of results of one shape at once, or one by one if any of them does not fit it."""
        if shape is not None:
            try:
                _check_integers(shape, arguments)
                text = shape.template * runs % tuple(arguments)
            except (TypeError, ValueError, OverflowError):  # a string; NaN or infinity for an integer
                text = "=nan"
            if "=nan" not in text and "=inf" not in text and "=-inf" not in text:
                out.append(text)
                return runs * shape.lines
        lines: list[str] = []
        for result in run:
            self._slow(lines, self._device_text.get(result.device) or self._tag_text(result.device), result)
        out += lines
        return len(lines)

    def points(self, points: Iterable[Point]) -> Encoded:
        lines: list[str] = []
        for point in points:
            written = self._line(point.measurement, line.tag_text(point.tags), point.fields, point.at)
            if written is not None:
                lines.append(written)
        return Encoded("".join(lines).encode(), len(lines))

    def _tag_text(self, id: DeviceId) -> str:
        device = self._devices.get(id)
        text = line.tag_text((("device", id),) if device is None else device_tags(device))
        self._device_text[id] = text
        return text

    def _compile(self, metrics: tuple[str, ...], tags: tuple[Tags, ...]) -> _Shape | None:
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        shape = self._shapes[metrics, tags] = self._shape(metrics, tags)
        return shape

    def _shape(self, metrics: tuple[str, ...], tags: tuple[Tags, ...]) -> _Shape | None:
        template, order, integers = "", [], []
        groups = _groups(metrics, tags)
        for (measurement, own), members in groups.items():
            if not measurement:
                return None
            head = (line.measurement(measurement) + "%s" + line.tag_text(own).replace("%", "%%")) + " "
            order.append(0)
            fields = []
            for name, index in members:
                conversion = self._conversion(measurement, name)
                if conversion is None or not name:
                    return None
                fields.append(line.key(name).replace("%", "%%") + "=" + conversion)
                order.append(index + 2)
                if conversion == "%di":
                    integers.append(len(order) - 1)
            order.append(1)
            template += head + ",".join(fields) + " %d\n"
        if len(groups) == 1:
            return _Shape(template, None, 1, len(order), tuple(integers))
        return _Shape(template, itemgetter(*order), len(groups), len(order), tuple(integers))

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


def _check_integers(shape: _Shape, arguments: list[Any]) -> None:
    """Raises ``OverflowError`` for an integer beyond 64 bits, ``TypeError`` for what is no number."""
    for position in shape.integers:
        column = arguments[position :: shape.width]
        if column and (max(column) > line.INT_MAX or min(column) < line.INT_MIN):
            raise OverflowError


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
