"""The sink's troubles inside a whole daemon: they are told, and nothing else notices them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from monitor.simulate.phone import Phone
from tests.daemon_support import KEY, House
from tests.street_support import SmallDisk, Street, camera, config, told

CANNOT_STORE = "监控系统无法保存"
SINK = """
[sink]
type = "influxdb"
url = "{url}"
version = "2"
batch_points = 1
flush_interval = "20ms"
[sink.spool]
path = "{spool}"
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """For the spool alone: the ledger lies elsewhere."""
    (tmp_path / "spool").mkdir()
    made = SmallDisk(tmp_path / "spool")
    yield made
    made.close()


@pytest.fixture
async def denying() -> AsyncIterator[str]:
    """A server that knows us no more; its address."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"code": "forbidden", "message": "token expired"}, status=403)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.long
async def test_a_server_that_denies_us_and_a_full_disk_are_told_and_sweeps_and_alerts_go_on(
    tmp_path: Path, street: Street, phone: Phone, disk: SmallDisk, denying: str
) -> None:
    house = House(tmp_path, {KEY: phone.key}, disk.wrap)
    sink = SINK.format(url=denying, spool=disk.state / "spool")
    house.furnish(street.devices, config(street, phone, more=sink))
    async with house.running():
        await house.all_measured()
        assert "403" in await told(phone, CANNOT_STORE)
        disk.fill()
        lost = await house.until(lambda s: "points were lost" in s["sink"]["trouble"], 120)
        assert re.search(r"No space left.*; [1-9]\d* points were lost", lost["sink"]["trouble"])
        street.unplug([camera(street).address])
        await told(phone, camera(street).name)
        street.plug([camera(street).address])
        await told(phone, camera(street).name, "恢复")
        after = await house.ask("status")
        assert not after["ledger"]["trouble"] and after["cameras"]["online"] == after["cameras"]["counted"]
        assert await house.stop() == 0
