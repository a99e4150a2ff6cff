"""The daemon as a process: it finds, tells, answers, takes up where it was, and ends in order."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.control.wire import ControlError
from monitor.simulate.phone import Phone
from tests.daemon_support import KEY, PATIENCE_S, House, children, gone, messages, spans_are_whole
from tests.street_support import Street, camera, config, house_in, told

STOP_S = 20.0
"""The unit's ``TimeoutStopSec``: then it would be killed. On a quiet machine it takes two and a half."""


async def test_a_fallen_camera_is_found_told_acknowledged_and_told_up_again(
    tmp_path: Path, street: Street, phone: Phone
) -> None:
    house, fallen = house_in(tmp_path, street, phone), camera(street)
    async with house.running():
        status = await house.all_measured()
        assert status["cameras"] == {"online": 64, "counted": 64, "unmeasured": 0, "excluded": 0}
        street.unplug([fallen.address])
        await told(phone, fallen.name)
        status = await house.until(lambda s: bool(s["incidents"]))
        assert status["offline"] == 1
        assert [d["id"] for d in status["down"]] == [fallen.id]
        number = status["incidents"][0]["id"]
        assert (await house.ask("ack", incident=number, author="Li"))["incident"] == number
        assert (await house.status())["incidents"][0]["acked_by"] == "Li"
        with pytest.raises(ControlError, match="no open incident"):
            await house.ask("ack", incident=number + 1, author="Li")
        street.plug([fallen.address])
        await told(phone, fallen.name, "恢复")
        await house.until(lambda s: not s["incidents"] and not s["offline"])
        await house.all_delivered()
        assert await house.stop() == 0
    with house.books() as db:
        spans_are_whole(db)
        assert {state for _, state, _, _ in messages(db)} == {"delivered"}


async def test_it_ends_in_time_and_leaves_no_process_even_in_the_middle_of_a_send(
    tmp_path: Path, street: Street, phone: Phone
) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hung.set()
        await reader.read()
        writer.close()

    hung = asyncio.Event()
    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    more = f'[channel.stuck]\nurl = "webhook://127.0.0.1:{port}/"\ndeadline = "10m"\ntimeout = "10m"\n'
    house = house_in(tmp_path, street, phone, more=more, channels='["stuck", "phone"]')
    async with house.running():
        await house.all_measured()
        street.unplug([camera(street).address])
        await told(phone, camera(street).name)  # the other channel is not held up
        await hung.wait()
        family = [house.pid, *children(house.pid)]
        assert len(family) >= 3  # the courier, and the send under way
        began = time.monotonic()
        assert await house.stop() == 0
        assert time.monotonic() - began < STOP_S
        await gone(family)
    assert not house.socket.exists()
    server.close()
    await server.wait_closed()


async def test_a_restart_takes_up_incidents_and_states_and_books_the_time_between_as_not_measured(
    tmp_path: Path, street: Street, phone: Phone
) -> None:
    house, fallen = house_in(tmp_path, street, phone), camera(street)
    async with house.running():
        await house.all_measured()
        street.unplug([fallen.address])
        await told(phone, fallen.name)
        await house.all_delivered()
        await house.end(signal.SIGKILL)
    await asyncio.sleep(1.0)
    async with house.running():
        status = await house.all_measured()
        assert [d["id"] for d in status["down"]] == [fallen.id]
        assert len(status["incidents"]) == 1
        assert sum(fallen.name in message.text for message in phone.received) == 1  # it is not told again
        street.plug([fallen.address])
        await told(phone, fallen.name, "恢复")
        await house.stop()
    with house.books() as db:
        spans_are_whole(db)
        (second,) = db.execute("SELECT started FROM run WHERE id = 2").fetchone()
        # From a device's last sign of life until we were back, nothing is known of it.
        found = db.execute(
            "SELECT count(*) FROM state_change a JOIN state_change b ON a.device = b.device"
            " WHERE a.detail = 'not running' AND b.rowid > a.rowid AND b.at < ?",
            (second,),
        ).fetchone()
        assert found == (0,)
        unknown = db.execute("SELECT count(DISTINCT device) FROM state_change WHERE detail = 'not running'")
        assert unknown.fetchone() == (len(street.devices),)


async def test_a_bad_configuration_never_takes_effect_and_a_good_one_does(
    tmp_path: Path, street: Street, phone: Phone
) -> None:
    house = house_in(tmp_path, street, phone)
    async with house.running():
        await house.all_measured()
        good = house.config.read_text()
        house.config.write_text(good.replace("group_wait", "group_weight"))
        assert house.process is not None
        house.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(PATIENCE_S):
            while "reload refused" not in house.log():
                await asyncio.sleep(0.02)
        with pytest.raises(ControlError, match="group_weight"):
            await house.ask("reload")
        for broken in (
            good.replace(KEY, "CAMWATCH_NOT_SET"),
            good.replace("cameras.csv", "nothing.csv"),
            "",
        ):
            house.config.write_text(broken)
            with pytest.raises(ControlError):
                await house.ask("reload")
        street.unplug([camera(street).address])  # the old one is still at work
        await told(phone, camera(street).name)
        street.plug([camera(street).address])
        house.furnish(street.devices[:-4], good)
        assert (await house.ask("reload"))["removed"] == 4
        status = await house.until(lambda s: not s["incidents"] and not s["states"].get("unknown"))
        assert status["devices"] == len(street.devices) - 4
        house.furnish(street.devices, good.replace('log = { level = "info"', 'log = { level = "error"'))
        answer = await house.ask("reload")
        assert answer["added"] == 4
        assert answer["restart_for"] == ["daemon.log"]
        await house.all_measured()
        assert (await house.ask("status"))["task_failures"] == 0
        assert await house.stop() == 0


@pytest.mark.long
async def test_a_second_daemon_is_refused_and_harms_nothing(
    tmp_path: Path, street: Street, phone: Phone
) -> None:
    house = house_in(tmp_path, street, phone)
    async with house.running():
        await house.all_measured()
        second = House(tmp_path, house.environment)
        async with second.running():
            assert second.process is not None
            assert await second.process.wait() == 1
        assert "another camwatch is running" in house.log()
        assert (await house.ask("status"))["devices"] == len(street.devices)
        assert await house.stop() == 0


@pytest.mark.long
async def test_a_name_that_does_not_resolve_holds_up_nothing(
    tmp_path: Path, street: Street, phone: Phone
) -> None:
    """``.invalid`` never resolves (RFC 2606); its device is not measured, which is no downtime."""
    devices = [
        replace(d, address="no-such-camera.invalid") if d is camera(street) else d for d in street.devices
    ]
    house = house_in(tmp_path, street, phone)
    house.furnish(devices, config(street, phone))
    async with house.running():
        status = await house.until(lambda s: s["states"].get("unknown") == 1)
        assert status["states"]["up"] == len(devices) - 1
        assert not status["incidents"]
        street.unplug([camera(street, 1).address])
        await told(phone, camera(street, 1).name)
        began = time.monotonic()
        assert await house.stop() == 0
        assert time.monotonic() - began < STOP_S
