"""Results and points → line protocol, cheaply: tags are written once per device, lines once per shape.

The results of one check mostly have the same metrics in the same order. Each such *shape* is compiled once
into a ``%`` template; a result then costs one look-up and one formatting. What does not fit (strings,
booleans, NaN, wrong types) goes the slow way, value by value, and comes to the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
    wide: bool
    """Has integers that may outgrow 64 bits (Counter64), which must be looked at."""


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

    def results(self, results: Iterable[Result]) -> Encoded:
        lines: list[str] = []
        append, shapes, texts = lines.append, self._shapes, self._device_text
        points = 0
        for result in results:
            readings = result.readings
            if not readings:
                continue
            text = texts.get(result.device)
            if text is None:
                text = self._tag_text(result.device)
            metrics, values, tags = zip(*readings, strict=True)
            try:
                shape = shapes[metrics, tags]
            except KeyError:
                shape = self._compile(metrics, tags)
            try:
                # One sum finds NaN and the infinities (an overflow only costs the slow way), and a
                # string by its TypeError.
                if (
                    shape is not None
                    and isfinite(sum(values))
                    and not (shape.wide and (max(values) > line.INT_MAX or min(values) < line.INT_MIN))
                ):
                    if shape.pick is None:
                        append(shape.template % (text, *values, result.at))
                    else:
                        append(shape.template % shape.pick((text, result.at, *values)))
                    points += shape.lines
                    continue
            except (TypeError, OverflowError):
                pass
            points += self._slow(lines, text, result)
        return Encoded("".join(lines).encode(), points)

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
        template, order, wide = "", [], False
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
                wide |= conversion == "%di" and name != "result_code"
            order.append(1)
            template += head + ",".join(fields) + " %d\n"
        if len(groups) == 1:
            return _Shape(template, None, 1, wide)
        return _Shape(template, itemgetter(*order), len(groups), wide)

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

    def _slow(self, lines: list[str], text: str, result: Result) -> int:
        readings = result.readings
        groups = _groups(tuple(r.metric for r in readings), tuple(r.tags for r in readings))
        before = len(lines)
        for (measurement, own), members in groups.items():
            fields = tuple((name, readings[index].value) for name, index in members)
            written = self._line(measurement, text + line.tag_text(own), fields, result.at)
            if written is not None:
                lines.append(written)
        return len(lines) - before

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
