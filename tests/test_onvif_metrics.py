"""Every reading of the camera checks stands in the sink's schema with its type."""

from __future__ import annotations

from pathlib import Path

from monitor.collectors.http import HttpCollector, HttpSettings
from monitor.model import Result
from monitor.storage.schema import FieldType
from monitor.storage.tables import SCHEMA
from tests.camera_support import ask, cameras, env, fleet, target
from tests.test_onvif_poll import collector as onvif_collector
from tests.test_rtsp_proof import collector as rtsp_collector

TYPES = {
    FieldType.FLOAT: (float, int),
    FieldType.INT: (int,),
    FieldType.BOOL: (bool,),
    FieldType.STRING: (str,),
}


async def results(tmp_path: Path) -> list[Result]:
    async with fleet(1) as server:
        due = [target(cameras(server)[0].address)]
        onvif = onvif_collector(server, tmp_path, wsd_port=server.ports.wsd)
        await onvif.start()
        page = {"name": "login", "port": server.ports.http, "status": [404]}
        http = HttpCollector(HttpSettings.model_validate({"pages": [page]}), env())
        rtsp = rtsp_collector(server, tmp_path, whole_gop=True)
        try:
            return [r for check in (onvif, rtsp, http) for r in (await ask(check, due)).values()]
        finally:
            await onvif.stop()


async def test_every_reading_is_in_the_schema_with_its_type_and_tags(tmp_path: Path) -> None:
    measurements = {measurement.name: measurement for measurement in SCHEMA.measurements}
    for result in await results(tmp_path):
        assert result.ok, result.detail
        for reading in result.readings:
            name, _, field = reading.metric.partition(".")
            fields = measurements[name].by_field
            # The encoder renames a field that is called like a tag of all devices.
            wanted = fields.get(field) or fields[f"{field}_reported"]
            assert isinstance(reading.value, TYPES[wanted.type]), reading
            assert not (isinstance(reading.value, bool) and wanted.type is not FieldType.BOOL), reading
            assert {key for key, _ in reading.tags} <= measurements[name].tag_names
