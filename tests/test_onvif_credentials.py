"""A wrong password is tried on few devices, seldom, and told of once."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from monitor.clock import ManualClock
from monitor.collectors.base import Env
from monitor.collectors.credentials import Admission, BackOff, Credential
from monitor.collectors.onvif.collector import OnvifCollector, OnvifSettings
from monitor.model import DeviceId, Reason
from monitor.secrets import Secret
from monitor.simulate.faults import Fault
from tests.camera_support import ask, cameras, credentials, fleet, reading, target, value
from tests.test_onvif_poll import collector


async def test_a_wrong_password_is_not_tried_on_the_whole_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine: a camera that takes long makes room for another.
    monkeypatch.setattr("monitor.collectors.credentials._PATIENCE_S", 60.0)
    async with fleet(300) as server:
        check = collector(server, tmp_path, password="wrong")
        targets = [target(c.address) for c in cameras(server)]
        for _ in range(3):
            results = await ask(check, targets)
            assert {r.reason for r in results.values()} == {Reason.AUTH}
            # What needs no password is still measured.
            assert all(value(r, "onvif.clock_drift_s") is not None for r in results.values())
        assert sum(c.seen.refused for c in cameras(server)) <= 3
        assert max(c.seen.refused for c in cameras(server)) <= 1
        (account,) = check.accounts()
        assert account.name == "fleet"
        assert "refused by 3 devices" in account.trouble
        assert "wrong" not in account.trouble
        assert not any(reading(r, "onvif.password_refused") for r in results.values())  # nobody's fault yet


async def test_one_camera_with_another_password_does_not_stop_the_others(tmp_path: Path) -> None:
    async with fleet(60) as server:
        odd = cameras(server)[30]
        odd.fault = Fault.WRONG_PASSWORD
        check = collector(server, tmp_path)
        targets = [target(c.address) for c in cameras(server)]
        for _ in range(4):
            results = await ask(check, targets)
            assert [a for a, r in results.items() if not r.ok] == [odd.address]
            assert results[odd.address].reason is Reason.AUTH
        assert odd.seen.refused == 1
        assert [account.trouble for account in check.accounts()] == [""]
        blamed = {address: value(r, "onvif.password_refused") for address, r in results.items()}
        assert [address for address, refused in blamed.items() if refused] == [odd.address]


async def test_a_mended_password_is_found_after_the_back_off(tmp_path: Path) -> None:
    async with fleet(20) as server:
        clock = ManualClock(int(asyncio.get_running_loop().time()) + 1_800_000_000_000)
        for camera in cameras(server):
            camera.fault = Fault.WRONG_PASSWORD
        settings = OnvifSettings.model_validate(
            {"port": server.ports.http, "credentials": credentials(tmp_path / "secret")}
        )
        check = OnvifCollector(settings, Env(clock, random.Random(3)))
        targets = [target(c.address) for c in cameras(server)]
        assert not any(r.ok for r in (await ask(check, targets)).values())
        tried = sum(c.seen.refused for c in cameras(server))
        for camera in cameras(server):
            camera.fault = Fault.NONE
        assert not any(r.ok for r in (await ask(check, targets)).values())
        assert sum(c.seen.logins for c in cameras(server)) == tried
        clock.advance(301_000)
        assert all(r.ok for r in (await ask(check, targets)).values())
        assert [account.trouble for account in check.accounts()] == [""]
        assert not any(value(r, "onvif.password_refused") for r in (await ask(check, targets)).values())


async def test_refusals_of_those_that_were_slow_do_not_make_a_suspension_longer() -> None:
    clock = ManualClock(1_800_000_000_000)
    account = Credential("fleet", "admin", Secret("old"), clock, BackOff())
    slow = [DeviceId(f"cam{number}") for number in range(5)]
    for device in slow:  # asked one after the other, since none before it has said anything
        assert await account.admit(device, 0.0) is Admission.GRANTED
        account._trying[device] = 0.0
    for device in slow:
        account.refused(device)
    clock.advance(299_000)
    assert await account.admit(DeviceId("other"), 0.0) is Admission.SUSPENDED
    clock.advance(2_000)
    assert await account.admit(DeviceId("other"), 0.0) is Admission.GRANTED
    account.refused(DeviceId("other"))
    clock.advance(301_000)
    assert await account.admit(DeviceId("another"), 0.0) is Admission.SUSPENDED, "the wait doubles"


async def test_the_only_camera_of_an_account_is_to_blame_once_it_has_refused_twice(tmp_path: Path) -> None:
    async with fleet(1) as server:
        clock = ManualClock(1_800_000_000_000)
        camera = cameras(server)[0]
        camera.fault = Fault.WRONG_PASSWORD
        settings = OnvifSettings.model_validate(
            {"port": server.ports.http, "credentials": credentials(tmp_path / "secret")}
        )
        check = OnvifCollector(settings, Env(clock, random.Random(3)))
        due = [target(camera.address)]
        told = []
        for _ in range(6):
            result = (await ask(check, due))[camera.address]
            assert result.reason is Reason.AUTH
            told.append(value(result, "onvif.password_refused"))
            clock.advance(301_000)
        assert told[0] is None
        assert told[-1] is True
        assert camera.seen.refused <= 4  # the wait doubles
