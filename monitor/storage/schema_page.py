"""docs/metrics.md, printed from the schema table.

``python -m monitor.storage.schema_page > docs/metrics.md``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from monitor.storage.schema import DEVICE_TAGS, Carries, Field, Measurement, Schema
from monitor.storage.tables import SCHEMA

HEAD = """\
# Metrics

What Camwatch writes into InfluxDB. This page is printed from `monitor/storage/tables.py` by
`python -m monitor.storage.schema_page`; change it there.

- Names follow Telegraf's where it has a plugin for the same thing.
- A field never changes its type. NaN, infinities, integers beyond 64 bits and values of a wrong type are left
  out and counted in `camwatch_sink.bad_values`; a fraction given for an integer is cut. Floats are kept to 15
  digits or to the places named below.
- A metric that is not in this table is kept too, its numbers as floats.
- Times are in milliseconds. A point that is written twice is one point.
- What line protocol cannot say in a measurement, tag or field *name* or in a tag *value* is replaced: line
  breaks and other control characters, and a backslash at the end or before a space, comma, equals sign or
  backslash, become `_`; lone surrogates become U+FFFD. String fields keep all but lone surrogates and NUL.
  Names are cut at 1,024 characters, strings at 16,000.
- "counter" marks fields that only grow until a restart: use `non_negative_difference`.

## Which InfluxDB

| server | written by | queries |
|---|---|---|
| 1.x below 1.8 | `/write`, `database`, `retention_policy`, `user`, `password` | InfluxQL |
| 1.8 and later 1.x | `/write`, or with a token `/api/v2/write` | InfluxQL |
| 2.x | `/api/v2/write`, `token`, `org`, `bucket` | InfluxQL; the bucket must be mapped once to a \
database: `camwatch sink test --create`, or `influx v1 dbrp create --db camwatch --rp autogen --bucket-id ID \
--default` |
| 3.x | `/api/v2/write`, `token`, `bucket` is the database | InfluxQL |

## What the spool promises

Every batch is written to `[sink.spool] path` before it is posted. A killed process loses nothing that was
on disk (at most `flush_interval` of readings was not); a power cut loses at most `sync_interval` more. A
segment is deleted when the server has taken all of it; what a crash leaves behind is posted again, which
changes nothing. Beyond `max_bytes` or `max_age` the oldest points are dropped and counted in
`camwatch_sink.dropped`. Live data goes before the backlog. Lines that the server refuses stand in `dead.lp`
beside the spool, with its words; `camwatch sink backfill --dead-letters` sends them again.

## Tags of every device measurement

| tag | meaning |
|---|---|
"""


def page(schema: Schema) -> str:
    tags = "".join(f"| `{tag.name}` | {tag.doc} |\n" for tag in DEVICE_TAGS)
    return HEAD + tags + "".join(_section(row) for row in schema.measurements)


def _section(row: Measurement) -> str:
    head = f"\n## {row.name}\n\n{row.doc}\n\n" + "".join(_tags(row))
    return head + "| field | type | unit | meaning |\n|---|---|---|---|\n" + "".join(map(_field, row.fields))


def _tags(row: Measurement) -> Iterator[str]:
    own = "; ".join(f"`{tag.name}`: {tag.doc}" for tag in row.tags)
    if row.carries is Carries.DEVICE:
        yield f"Tags: those of the device{'; ' + own if own else ''}.\n\n"
    else:
        yield f"Tags: {own or 'none'}.\n\n"


def _field(field: Field) -> str:
    kind = field.type.value
    if field.decimals is not None:
        kind += f", {field.decimals} places"
    if field.counter:
        kind += ", counter"
    return f"| `{field.name}` | {kind} | {field.unit} | {field.doc} |\n"


if __name__ == "__main__":
    sys.stdout.write(page(SCHEMA))
