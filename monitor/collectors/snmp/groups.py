"""One group of a profile at one device: which of its columns the device has, its rows' tags, and its
counters as last read. ``take`` makes readings of what a poll brought."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from statistics import fmean

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.ber import Value
from monitor.collectors.snmp.profiles import FieldSection, GroupSection, TableSection
from monitor.collectors.snmp.rates import row_rates
from monitor.collectors.snmp.talk import Column
from monitor.collectors.snmp.values import FieldValue, convert_all, plausible, words
from monitor.model import Reading, Tags

_NO_COUNT = (1 << 64) - 1
"""In the store of counters: none was read."""

_tags: dict[Tags, Tags] = {}
"""Equal tags are kept once: a fleet's switches have the same port names."""
_MAX_TAGS = 200_000


def _kept(tags: Tags) -> Tags:
    if len(_tags) > _MAX_TAGS:
        _tags.clear()
    return _tags.setdefault(tags, tags)


@dataclass(slots=True)
class Group:
    section: GroupSection
    oids: tuple[bytes, ...] = ()
    """The objects or columns that this device has, of those that the section names; found by ``learn``."""
    rows: tuple[bytes, ...] = ()
    tags: dict[bytes, Tags] = field(default_factory=dict)
    yields: bool = False
    """Something came out at the last poll, or will once there are two counts to take a rate from."""
    due_at: int = 0
    """Monotonic ms; before it the group is left out."""
    read_at: int | None = None
    """Monotonic ms at which the counters were read."""
    _counters: array[int] = field(default_factory=lambda: array("Q"))
    _marks: list[Value] = field(default_factory=list)

    @property
    def table(self) -> TableSection | None:
        return self.section if isinstance(self.section, TableSection) else None

    def wanted(self) -> tuple[bytes, ...]:
        """Every object or column that the section could use."""
        oids = [oid for part in self.section.fields for oid in part.oid]
        if self.table is not None and self.table.discontinuity is not None:
            oids.append(self.table.discontinuity)
        return tuple(dict.fromkeys(oids))

    def label_columns(self) -> tuple[bytes, ...]:
        return tuple(self.table.labels.values()) if self.table is not None else ()

    def learn(self, columns: Sequence[Column]) -> None:
        """What the device has, and its rows' tags: from a walk of all that is wanted, labels included."""
        found = {column.prefix: column for column in columns if column.indexes}
        self.oids = tuple([oid for oid in self.wanted() if oid in found])
        table = self.table
        if table is None:
            return
        labels = {}
        for tag, oid in table.labels.items():
            column = found.get(oid)
            labels[tag] = dict(zip(column.indexes, column.values(), strict=True)) if column else {}
        rows = dict.fromkeys(index for oid in self.oids for index in found[oid].indexes)
        fresh = {row: _kept(_tags_of(table.index, row, labels)) for row in rows}
        if any(self.tags.get(row, tags) != tags for row, tags in fresh.items()):
            self.forget_counters()  # ports were numbered anew: the old counts are those of others
        self.tags = fresh

    def forget_counters(self) -> None:
        self._counters = array("Q")
        self.read_at = None

    # --- readings ---

    def take(self, columns: Sequence[Column], now: int) -> tuple[list[Reading], bool]:
        """Readings of this poll, and whether rows appeared whose tags are not known yet."""
        by_oid = {column.prefix: column for column in columns}
        held = [column for column in columns if column.indexes]
        self.yields = False
        if not held:
            return [], False
        rows = held[0].indexes
        if any(column.indexes != rows for column in held):
            rows = list(dict.fromkeys(index for column in held for index in column.indexes))
        values = {part.name: self._merged(part, rows, by_oid) for part in self.section.fields if part.oid}
        rows, values = self._kept_rows(rows, values)
        rates = self._rates(tuple(rows), values, by_oid, now)
        done: dict[str, list[FieldValue | None]] = {}
        for part in self.section.fields:
            if part.rate:
                scale = part.scale
                done[part.name] = [None if rate is None else rate * scale for rate in rates[part.name]]
            elif part.oid:
                done[part.name] = convert_all(part, values[part.name])
            else:
                done[part.name] = _worked_out(part, done, len(rows))
        readings, strangers = self._readings(rows, done)
        if self.table is not None and self.table.mean:
            readings = _means(readings)
        self.yields = bool(readings) or (bool(rows) and any(part.rate for part in self.section.fields))
        return readings, strangers

    def _kept_rows(
        self, rows: list[bytes], values: dict[str, list[Value]]
    ) -> tuple[list[bytes], dict[str, list[Value]]]:
        """Without the rows that ``where`` and ``unless`` leave out by what was read: nothing is worked out
        for them. (What is worked out itself can only be looked at later, in ``_readings``.)"""
        table = self.table
        if table is None or not (table.where or table.unless):
            return rows, values
        read = {part.name: part for part in self.section.fields if part.oid and not part.rate}
        keep = [True] * len(rows)
        for wanted, conditions in ((True, table.where), (False, table.unless)):
            for name, choices in conditions.items():
                if name in read:
                    texts = set(map(str, choices))
                    found = convert_all(read[name], values[name])
                    keep = [
                        kept and (str(value) in texts) is wanted
                        for kept, value in zip(keep, found, strict=True)
                    ]
        if all(keep):
            return rows, values
        return list(compress(rows, keep)), {name: list(compress(got, keep)) for name, got in values.items()}

    @staticmethod
    def _merged(part: FieldSection, rows: list[bytes], by_oid: dict[bytes, Column]) -> list[Value]:
        """A field's value in each row, from the first of its columns that has one."""
        merged: list[Value] | None = None
        for oid in part.oid:
            column = by_oid.get(oid)
            if column is None or not column.indexes:
                continue
            if column.indexes == rows:
                found = column.values()
            else:
                have = dict(zip(column.indexes, column.values(), strict=True))
                found = [have.get(row) for row in rows]
            merged = (
                found
                if merged is None
                else [new if old is None else old for old, new in zip(merged, found, strict=True)]
            )
        return merged if merged is not None else [None] * len(rows)

    def _readings(
        self, rows: list[bytes], done: dict[str, list[FieldValue | None]]
    ) -> tuple[list[Reading], bool]:
        table, section = self.table, self.section
        visible = [
            (f"{section.measurement}.{part.name}", done[part.name])
            for part in section.fields
            if not part.hidden
        ]
        where = [(done[name], set(map(str, wanted))) for name, wanted in table.where.items()] if table else []
        unless = [(done[name], set(map(str, bad))) for name, bad in table.unless.items()] if table else []
        out: list[Reading] = []
        strangers = False
        for at, row in enumerate(rows):
            if any(str(column[at]) not in wanted for column, wanted in where) or any(
                str(column[at]) in bad for column, bad in unless
            ):
                continue
            tags: Tags | None = self.tags.get(row) if table is not None else ()
            if tags is None:
                strangers = True
                continue
            out += [
                Reading(metric, value, tags)
                for metric, column in visible
                if (value := column[at]) is not None
            ]
        return out, strangers

    # --- counters ---

    def _rates(
        self, rows: tuple[bytes, ...], values: dict[str, list[Value]], by_oid: dict[bytes, Column], now: int
    ) -> dict[str, list[float | None]]:
        parts = [part for part in self.section.fields if part.rate]
        if not parts:
            return {}
        counts = [[value if type(value) is int else None for value in values[part.name]] for part in parts]
        bits = [self._bits(part, by_oid) for part in parts]
        before = dict(self._stored(len(parts)))
        marks = self._discontinuities(rows, by_oid)
        old_marks = dict(zip(self.rows, self._marks, strict=False))
        elapsed = 0 if self.read_at is None else now - self.read_at
        by_row: list[list[float | None]] = []
        for at, row in enumerate(rows):
            old = before.get(row)
            after = [column[at] for column in counts]
            if old is None or (marks and old_marks.get(row) != marks[at]):
                by_row.append([None] * len(parts))
            else:
                by_row.append(row_rates(old, after, bits, elapsed))
        self._counters = array(
            "Q",
            [
                _NO_COUNT if count is None else count
                for at in range(len(rows))
                for count in (c[at] for c in counts)
            ],
        )
        # One tuple for all devices with the same ports, not one for each.
        self.rows = _rows.setdefault(rows, rows) if len(_rows) < _MAX_TAGS else rows
        self._marks = marks
        self.read_at = now
        return {part.name: [row[at] for row in by_row] for at, part in enumerate(parts)}

    def _stored(self, width: int) -> Iterator[tuple[bytes, list[int | None]]]:
        counters = self._counters
        if len(counters) != width * len(self.rows):
            return
        for at, row in enumerate(self.rows):
            yield row, [None if n == _NO_COUNT else n for n in counters[at * width : (at + 1) * width]]

    @staticmethod
    def _bits(part: FieldSection, by_oid: dict[bytes, Column]) -> int:
        """Of columns of both widths the narrower decides: a wrap may then be missed, never a reset taken."""
        used = [by_oid[oid] for oid in part.oid if oid in by_oid and by_oid[oid].tags]
        return 64 if used and all(column.tags[0] == ber.COUNTER64 for column in used) else 32

    def _discontinuities(self, rows: tuple[bytes, ...], by_oid: dict[bytes, Column]) -> list[Value]:
        oid = self.table.discontinuity if self.table is not None else None
        column = by_oid.get(oid) if oid is not None else None
        if column is None or not column.indexes:
            return []
        have = dict(zip(column.indexes, column.values(), strict=True))
        return [have.get(row) for row in rows]


_rows: dict[tuple[bytes, ...], tuple[bytes, ...]] = {}


def _means(readings: list[Reading]) -> list[Reading]:
    values: dict[str, list[float]] = defaultdict(list)
    for reading in readings:
        values[reading.metric].append(float(reading.value))
    return [Reading(metric, fmean(found)) for metric, found in values.items()]


def _worked_out(
    part: FieldSection, done: dict[str, list[FieldValue | None]], rows: int
) -> list[FieldValue | None]:
    """A field's expression in each row; of several the first that comes out."""
    out: list[FieldValue | None] = [None] * rows
    for expression in part.expressions:
        names = tuple(expression.names)
        for at, operands in enumerate(zip(*[done[name] for name in names], strict=True)):
            if out[at] is None and None not in operands:
                out[at] = plausible(part, expression(dict(zip(names, operands, strict=True))))
    return out


def _tags_of(names: Sequence[str], row: bytes, labels: dict[str, dict[bytes, Value]]) -> Tags:
    parts = ber.index(row)
    last = ".".join(map(str, parts[len(names) - 1 :]))
    index = [*map(str, parts[: len(names) - 1]), last]
    tags = list(zip(names, index, strict=False))
    tags += [(tag, text) for tag, by_row in labels.items() if (text := words(by_row.get(row)))]
    return tuple(tags)
