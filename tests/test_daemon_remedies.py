"""Daemons cure cameras from afar: what goes over the wire, what is in the ledger, what people are told."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from monitor.collectors.snmp.messages import ErrorStatus
from monitor.model import Device, DeviceId, Kind
from monitor.simulate.camera import SimCamera
from monitor.simulate.cameras import CameraServer
from monitor.simulate.faults import Fault
from monitor.simulate.phone import Phone
from monitor.simulate.snmp_writes import Set
from tests.camera_support import cameras, fleet
from tests.daemon_support import House
from tests.poe_support import WRITE, Switches, switches
from tests.test_daemon_cameras import CONFIG, remedies, until, watched

QUICK = CONFIG.replace('"3s"\ntimeout = "2500ms"', '"1s"\ntimeout = "1500ms"')

MORE = """
[kind.switch]
checks = ["tcp"]

[remedies]
mode = "{mode}"
per_device_per_day = 1
all_per_hour = {all_per_hour}
settle = "300ms"
patience = "60s"
again = "300ms"
[remedies.poe]
community = {{ file = "community" }}
off = "{off}"
timeout = "10s"
port = {port}
"""
ACTION = """
[[remedies.action]]
rule = "no-video"
action = "{action}"
after = "0s"
match = {{ id = {ids} }}
"""
MAINTENANCE = """
[[maintenance]]
name = "works"
select = { id = "cam2" }
begin = 2020-01-01T00:00:00
end = 2099-01-01T00:00:00
"""
CAMERA = """
[[device]]
id = "cam{number}"
name = "Camera {number}"
kind = "camera"
address = "{address}"
area = "East"
site = "Square"
parents = ["sw"]
checks = ["tcp", "onvif", "rtsp"]
liveness = ["tcp"]
tags = {{ poe_port = "1.{port}" }}
"""


@dataclass(frozen=True, slots=True)
class Street:
    """Cameras at the ports of one switch; their power is real: without it they answer nobody."""

    server: CameraServer
    sim: list[SimCamera]
    switch: Switches
    switch_device: Device

    def config(self, mode: str, all_per_hour: int = 10, off: str = "300ms", **actions: list[str]) -> str:
        text = MORE.format(mode=mode, all_per_hour=all_per_hour, off=off, port=self.switch.port)
        text += "".join(
            ACTION.format(action=action, ids=str(ids).replace("'", '"')) for action, ids in actions.items()
        )
        return text + "".join(
            CAMERA.format(number=number, address=camera.address, port=number + 1)
            for number, camera in enumerate(self.sim)
        )

    def lose_video(self, *numbers: int) -> None:
        for number in numbers:
            self.sim[number].fault = Fault.NO_FRAMES

    def power(self, done: Set) -> None:
        camera = self.sim[int(done.port.removeprefix("1.")) - 1]
        if done.on:
            camera.get_power(asyncio.get_running_loop().time(), 0.3)
        else:
            camera.lose_power()


@asynccontextmanager
async def street(count: int) -> AsyncIterator[Street]:
    async with fleet(count + 1) as server:
        server.fleet.reboot_s = 0.3
        *sim, box = cameras(server)
        with switches(box.address) as switch:
            device = Device(DeviceId("sw"), "Switch", Kind.SWITCH, box.address, checks=("tcp",))
            made = Street(server, sim, switch, device)
            switch.writes.on_set = made.power
            yield made


@asynccontextmanager
async def daemon(tmp_path: Path, at: Street, config: str) -> AsyncIterator[tuple[House, Phone]]:
    (tmp_path / "community").write_text(WRITE)
    async with watched(tmp_path, at.server, [at.switch_device], more=config, config=QUICK) as (house, phone):
        await house.all_measured()
        yield house, phone


def steps(house: House, device: str) -> list[tuple[str, str]]:
    return [(step, detail) for id_, step, detail in remedies(house) if id_ == device]


def told(phone: Phone, words: str) -> Callable[[], bool]:
    return lambda: any(words in message.text for message in phone.received)


def change(house: House, changes: Mapping[str, str]) -> None:
    text = house.config.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    house.config.write_text(text)


CYCLED = [("asked", ""), ("power_off",), ("power_on",), ("accepted", ""), ("cured", "repaired by poe_cycle")]


async def test_a_camera_is_cured_by_its_port_with_one_order_off_and_one_on(tmp_path: Path) -> None:
    async with street(4) as at:
        at.lose_video(0, 1, 2)
        config = at.config("dry_run", all_per_hour=1, poe_cycle=["cam0", "cam1", "cam2"])
        async with daemon(tmp_path, at, config + MAINTENANCE) as (house, phone):
            # First a rehearsal: written down, within the limits, and nothing on the wire.
            await until(house, lambda: len(remedies(house)) == 3)
            limit = ("held", "the limit of 1 in all per hour is reached")
            rehearsed = [steps(house, "cam0"), steps(house, "cam1")]
            assert sorted(rehearsed) == [[("dry_run", "")], [limit]]
            assert steps(house, "cam2") == [("held", "in maintenance")]
            assert at.switch.writes.asked == 0

            change(house, {'mode = "dry_run"': 'mode = "on"'})
            await house.ask("reload")
            await until(house, told(phone, "Repaired by cycling its power"))
            cured = 0 if ("asked", "") in steps(house, "cam0") else 1
            port = f"1.{cured + 1}"
            assert at.switch.orders == [(port, False), (port, True)]
            assert at.switch.writes.asked == 2
            done = steps(house, f"cam{cured}")[-5:]
            assert [step for step, _ in done] == [step for step, *_ in CYCLED]
            assert done[-1] == CYCLED[-1]
            assert all(detail.endswith(f"port {port}") for step, detail in done if step.startswith("power"))
            assert limit in steps(house, f"cam{1 - cured}")
            assert set(steps(house, "cam2")) == {("held", "in maintenance")}

            # Its video is lost again on the same day: a limit of its own stands in the way.
            at.lose_video(cured)
            per_day = ("held", "the limit of 1 per device and day is reached")
            await until(house, lambda: per_day in steps(house, f"cam{cured}"))
            assert at.switch.writes.asked == 2
            repaired = [m.text for m in phone.received if "Repaired" in m.text]
            assert len(repaired) == 1
            assert f"Camera {cured}: video is back" in repaired[0]
            with house.books() as db:
                kinds = db.execute("SELECT text FROM incident_event WHERE kind = 'remedy'").fetchall()
                owed = db.execute("SELECT count(*) FROM dark_port").fetchone()
            assert ("poe_cycle: cured (repaired by poe_cycle)",) in kinds
            assert owed == (0,)


async def test_a_refusal_is_written_down_and_a_dead_switch_is_told_of_and_asked_again(tmp_path: Path) -> None:
    async with street(2) as at:
        at.switch.writes.refuse = ErrorStatus.NOT_WRITABLE
        at.lose_video(0)
        config = at.config("on", poe_cycle=["cam0", "cam1"])
        async with daemon(tmp_path, at, config) as (house, phone):
            await until(house, lambda: any(step == "refused" for step, _ in steps(house, "cam0")))
            assert [step for step, _ in steps(house, "cam0")] == ["asked", "power_off", "refused"]
            assert "the agent refuses to set it (notWritable)" in steps(house, "cam0")[-1][1]
            assert (at.switch.writes.asked, at.switch.orders) == (1, [])

            at.switch.writes.refuse = None

            def dies(done: Set) -> None:
                at.power(done)
                if not done.on:
                    asyncio.get_running_loop().call_soon(at.switch.die)

            at.switch.writes.on_set = dies
            at.lose_video(1)
            await until(house, told(phone, "switched off for a remedy, and the switch does not give power"))
            assert told(phone, f"Camera 1 ({at.sim[1].address})")()
            assert at.switch.orders == [("1.2", False)]
            at.switch.live()
            await until(house, told(phone, "Camera 1: video is back"))
            await until(house, told(phone, "the switch gives power again"))
            assert at.switch.orders == [("1.2", False), ("1.2", True)]
            assert [step for step, _ in steps(house, "cam1")] == [step for step, *_ in CYCLED]
            assert [m.text for m in phone.received if "Camera 0" in m.text and "Repaired" in m.text] == []


async def test_a_daemon_killed_in_between_gives_the_power_back_and_repeats_nothing(tmp_path: Path) -> None:
    async with street(2) as at:
        at.lose_video(0, 1)
        config = at.config("on", off="1h", poe_cycle=["cam0"], reboot=["cam1"])
        async with daemon(tmp_path, at, config) as (house, phone):
            await until(house, lambda: at.switch.orders != [] and at.sim[1].seen.reboots > 0)
            await house.end(signal.SIGKILL)
            assert (at.switch.orders, at.sim[1].seen.reboots) == ([("1.1", False)], 1)
            at.sim[1].fault = Fault.NONE
            await house.start()
            await until(house, told(phone, "Repaired by cycling its power"))
            await until(house, lambda: steps(house, "cam1")[-1][0] == "cured")
            assert at.switch.orders == [("1.1", False), ("1.1", True)]
            assert at.sim[1].seen.reboots == 1
            cycled = [step for step, _ in steps(house, "cam0")]
            assert cycled == ["asked", "power_off", "power_on", "unsure", "cured"]

            # And killed again, with remedies taken out of the configuration: no port stays dark either.
            change(house, {"per_device_per_day = 1": "per_device_per_day = 9"})
            await house.ask("reload")
            at.lose_video(0)
            await until(house, lambda: len(at.switch.orders) == 3)
            await house.end(signal.SIGKILL)
            change(house, {'mode = "on"': 'mode = "off"'})
            await house.start()
            await until(house, lambda: len(at.switch.orders) == 4)
            assert at.switch.orders[2:] == [("1.1", False), ("1.1", True)]
            await until(house, lambda: steps(house, "cam0")[-1][0] == "power_on")
