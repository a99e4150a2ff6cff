"""InfluxQL targets: Grafana's typed SDK knows many data sources, but not this one.

The shape follows ``InfluxQuery`` of Grafana's influxdb data source (``types.ts``), raw mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.dashboard import DataSourceRef

SOURCE = DataSourceRef(type_val="influxdb", uid="camwatch")


@dataclass
class Influx(variants.Dataquery):
    query: str
    alias: str
    result_format: Literal["time_series", "table"]
    ref_id: str

    def to_json(self) -> dict[str, object]:
        answer: dict[str, Any] = {
            "datasource": SOURCE,
            "query": self.query,
            "rawQuery": True,
            "refId": self.ref_id,
            "resultFormat": self.result_format,
        }
        if self.alias:
            answer["alias"] = self.alias
        return answer


class Target(builder.Builder[variants.Dataquery]):
    """One query of a panel."""

    def __init__(
        self, query: str, alias: str = "", form: Literal["time_series", "table"] = "time_series"
    ) -> None:
        self._query, self._alias, self._form = " ".join(query.split()), alias, form
        self.ref_id = "A"

    def build(self) -> variants.Dataquery:
        return Influx(self._query, self._alias, self._form, self.ref_id)


def table(query: str) -> Target:
    return Target(query, form="table")
