"""Reloads under load: no sweep, no alert and no message is lost, and what changed is said."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli import main
from tests.daemon_support import House
from tests.service_support import furnish, hook, town


async def reloaded(house: House) -> str:
    done = await asyncio.to_thread(CliRunner().invoke, main, ["reload", "-c", str(house.config)])
    return done.output


async def test_what_was_added_changed_and_removed_is_printed_and_an_error_is_a_list(tmp_path: Path) -> None:
    with town(6, net=4) as fleet:
        async with hook() as phone:
            house = furnish(tmp_path, fleet, phone.port)
            async with house.running():
                await house.all_measured()
                good = house.config.read_text()
                rows = (tmp_path / "cameras.csv").read_text("utf-8-sig").splitlines()
                rows[-1] = rows[-1].replace("核心交换机", "汇聚交换机")
                rows[-2] = rows[-2].replace(rows[-2].split(",")[0], "44030100132999999999", 1)
                (tmp_path / "cameras.csv").write_text("\n".join(rows), "utf-8")
                house.config.write_text(good.replace('severity = "warning"', 'severity = "major"'))
                said = (await reloaded(house)).splitlines()
                assert said[0] == "reloaded: devices 1 added, 1 removed, 1 changed"
                assert said[1].startswith("+ device 44030100132999999999 ")
                assert said[2].startswith("- device ") and said[3].endswith("汇聚交换机: name")
                assert said[4:] == ["~ rule device-down"]
                house.config.write_text(good + "\nnonsense = 1\n[checks.tcp2]\n")
                refused = await reloaded(house)
                assert "nonsense" in refused and "tcp2" in refused
                status = await house.ask("status")
                assert status["devices"] == len(fleet.devices)
                assert await house.stop() == 0


@pytest.mark.long
async def test_a_hundred_reloads_under_load_lose_no_sweep_no_alert_and_no_message(tmp_path: Path) -> None:
    """Cameras fall and come back all the while; each is told down and told up, exactly once."""
    with town(200, net=5) as fleet:
        async with hook() as phone:
            house = furnish(tmp_path, fleet, phone.port, more="[storm]\nincidents_per_minute = 100000\n")
            house.config.write_text(
                house.config.read_text().replace('group_wait = "0s"', 'group_wait = "0s"\ngroup_by = ["id"]')
            )
            async with house.running():
                await house.all_measured()
                cameras = [d for d in fleet.devices if d.kind.value == "camera"]
                fallen = cameras[:: len(cameras) // 50][:50]

                async def faults() -> None:
                    for device in fallen:
                        fleet.unplug(device)
                        await asyncio.sleep(0.2)

                falling = asyncio.create_task(faults())
                for number in range(100):
                    if number % 2:
                        os.kill(house.pid, signal.SIGHUP)
                        await asyncio.sleep(0.1)
                    else:
                        await house.ask("reload")
                await falling
                status = await house.until(lambda s: s["offline"] == len(fallen))
                fleet.plug(*fallen)
                status = await house.until(lambda s: not s["incidents"] and not s["offline"])
                status = await house.all_delivered()
                assert [check["overruns"] for check in status["checks"]] == [0]
                assert status["task_failures"] == 0
                assert await house.stop() == 0
            with house.books() as db:
                told = dict(
                    db.execute("SELECT kind, count(*) FROM outbox WHERE state='delivered' GROUP BY kind")
                )
                incidents = db.execute("SELECT count(*), count(resolved) FROM incident").fetchone()
                downs = db.execute(
                    "SELECT count(DISTINCT device) FROM state_change WHERE state='down'"
                ).fetchone()
                assert downs == (len(fallen),)
                assert incidents[0] == incidents[1] and told["opened"] == told["resolved"] == incidents[0]
            for device in fallen:
                with contextlib.suppress(ValueError):
                    assert sum(device.name in body for body in phone.bodies) >= 2, device.name
