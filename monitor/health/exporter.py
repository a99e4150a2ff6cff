"""Our own points as Prometheus metrics: the same figures that the sink gets, under the same names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from monitor.model import Point
from monitor.storage.schema import Schema

Points = Callable[[], Sequence[Point]]


class PointsCollector:
    """Asks ``points`` at each scrape. ``measurement.field`` becomes ``measurement_field``; counters get
    ``_total``. Strings and what the schema lacks are left out."""

    def __init__(self, points: Points, schema: Schema) -> None:
        self._points = points
        self._schema = schema

    def collect(self) -> Iterable[Metric]:
        families: dict[tuple[str, str], CounterMetricFamily | GaugeMetricFamily] = {}
        for point in self._points():
            row = self._schema.measurement(point.measurement)
            labels = {name: value for name, value in point.tags if value}
            for name, value in point.fields:
                field = row.by_field.get(name) if row else None
                if row is None or field is None or isinstance(value, str):
                    continue
                family = families.get((row.name, name))
                if family is None:
                    made = CounterMetricFamily if field.counter else GaugeMetricFamily
                    doc = f"{field.doc} ({field.unit})" if field.unit else field.doc
                    family = made(f"{row.name}_{name}", doc, labels=[tag.name for tag in row.tags])
                    families[row.name, name] = family
                family.add_metric([labels.get(tag.name, "") for tag in row.tags], float(value))
        return families.values()


def exposition(points: Points, schema: Schema) -> bytes:
    """The text that ``/metrics`` answers."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PointsCollector(points, schema))
    return generate_latest(registry)
