"""The daemon on simulated cameras: each fault opens its incident by the shipped rules, an account that
everybody refuses is told of once, and remedies keep to their limits."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path

from monitor.clock import SystemClock
from monitor.model import Device, DeviceId, Kind
from monitor.simulate.camera import Auth
from monitor.simulate.cameras import CameraServer
from monitor.simulate.faults import Fault
from monitor.simulate.phone import Phone
from tests.camera_support import PASSWORD, USER, cameras, fleet
from tests.daemon_support import OF_THE_MACHINE, PATIENCE_S, ROOT, House

CONFIG = """\
inventory = ["cameras.csv"]
include = ["rules.d/*.toml"]

[daemon]
state_dir = "state"
run_dir = "run"
language = "en"
uplink = {{ references = ["127.0.0.1"] }}
log = {{ level = "info", format = "json" }}

[checks.tcp]
interval = "1s"
timeout = "300ms"
port = {ports.http}

[checks.onvif]
interval = "2s"
timeout = "4s"
port = {ports.http}
wsd_port = {ports.wsd}
spares = ["SPARE-1"]
credentials = [{{ name = "fleet", user = "{user}", password = {{ file = "secret" }} }}]

[checks.rtsp]
interval = "3s"
timeout = "2500ms"
port = {ports.rtsp}
path = "/live"
credentials = [{{ name = "fleet", user = "{user}", password = {{ file = "secret" }} }}]

[kind.camera]
checks = ["tcp", "onvif", "rtsp"]
liveness = ["tcp"]

[states]
recheck = "200ms"
confirm = 2

[channel.phone]
url = "{url}"
secrets = {{ key = {{ env = "CAMWATCH_TEST_KEY" }} }}
per_minute = 6000

[receiver.duty]
channels = ["phone"]

[[route]]
receiver = "duty"
group_by = ["id"]
group_wait = "0s"
"""


def devices(server: CameraServer) -> list[Device]:
    return [
        Device(
            DeviceId(f"cam{number}"),
            f"Camera {number}",
            Kind.CAMERA,
            camera.address,
            site="Square",
            area="East",
            checks=("tcp", "onvif", "rtsp"),
            liveness=("tcp",),
        )
        for number, camera in enumerate(cameras(server))
    ]


@asynccontextmanager
async def watched(
    tmp_path: Path,
    server: CameraServer,
    due: Iterable[Device],
    *,
    password: str = PASSWORD,
    more: str = "",
    config: str = CONFIG,
) -> AsyncIterator[tuple[House, Phone]]:
    phone = Phone(SystemClock())
    await phone.start()
    house = House(tmp_path, {"CAMWATCH_TEST_KEY": phone.key})
    (tmp_path / "secret").write_text(password)
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "cameras.toml").write_bytes((ROOT / "etc/rules.d/cameras.toml").read_bytes())
    text = config.format(ports=server.ports, user=USER, url=phone.url)
    house.furnish(due, text + more)
    try:
        async with house.running():
            yield house, phone
            await house.stop()
    finally:
        await phone.stop()


async def until(house: House, found: Callable[[], bool]) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while not found():
        assert loop.time() < end, house.log()[-3000:]
        await asyncio.sleep(0.1)


def alerts(house: House) -> set[tuple[str, str]]:
    """Rule and device of every alert that there ever was, by the ledger."""
    busy = {f"camwatch.{trouble}" for trouble in OF_THE_MACHINE}
    with house.books() as db:
        found = db.execute("SELECT rule, coalesce(device, key) FROM alert").fetchall()
    return {(rule, device) for rule, device in found if rule not in busy}


def remedies(house: House) -> list[tuple[str, str, str]]:
    with house.books() as db:
        return db.execute("SELECT device, step, detail FROM remedy ORDER BY rowid").fetchall()


async def test_each_fault_opens_its_incident_by_the_shipped_rules(tmp_path: Path) -> None:
    async with fleet(8) as server:
        sim = cameras(server)
        sim[1].skew_s = -7.0
        sim[2].fault = Fault.NO_FRAMES
        sim[3].fault = Fault.WRONG_PASSWORD
        sim[6].fault = Fault.LOGIN_PAGE
        wanted = {
            ("clock-wrong", "cam1"),
            ("no-video", "cam2"),
            ("password-refused", "cam3"),
            ("device-replaced", "cam4"),
            ("device-unauthorised", "cam4"),
            ("device-replaced", "cam5"),
            ("no-service", "cam6"),
            ("camera-rebooted", "cam7"),
        }
        async with watched(tmp_path, server, devices(server)) as (house, phone):
            await house.all_measured()
            # They are known: they are asked for the second time, and once is five calls and the log-in.
            await until(house, lambda: all(sim[n].seen.calls >= 10 for n in (4, 5, 7)))
            sim[4].serial = "STRANGER"
            sim[5].serial = "SPARE-1"
            sim[7].boot += 1
            await until(house, lambda: wanted <= alerts(house))
            await until(house, lambda: any("Camera 2: no video" in m.text for m in phone.received))
            assert alerts(house) == wanted
            told = "\n".join(message.text for message in phone.received)
            assert "Camera 1: clock is wrong" in told
            assert re.search(r"Its clock is [678]\.\d s slow", told)
            found = await house.ask("explain", device="cam2")
            assert (found["state"], found["stands"]) == ("up", "no_video")
            (rtsp,) = (check for check in found["other_checks"] if check["check"] == "rtsp")
            assert rtsp["reason"] in ("no_video", "timeout")  # the latter on a busy machine
            assert rtsp["fails"] >= 2
            stands = [(await house.ask("explain", device=f"cam{n}"))["stands"] for n in (0, 1, 3, 6)]
            assert stands == ["sound", "wrong_clock", "wrong_password", "no_service"]
            sim[2].fault = Fault.NONE
            await until(house, lambda: any("Camera 2: video is back" in m.text for m in phone.received))


async def test_an_account_that_all_refuse_is_one_alert_and_a_handful_of_attempts(tmp_path: Path) -> None:
    async with fleet(40) as server:
        all_of_them = devices(server)
        async with watched(tmp_path, server, all_of_them, password="wrong") as (house, phone):
            await house.all_measured()

            def told() -> list[str]:
                return [message.text for message in phone.received if "account fleet" in message.text]

            await until(house, lambda: len(told()) > 0)
            await until(house, lambda: sum(c.seen.requests for c in cameras(server)) > 120)
            assert {rule for rule, _ in alerts(house)} == {"camwatch.credential"}
            assert len(alerts(house)) == 1
            assert len(told()) == 1
            assert "refuse the password of account fleet" in told()[0]
            assert not any("wrong" in message.text for message in phone.received)
            # Three by each check, another for each that is slow to answer on a busy machine; not 80.
            assert sum(c.seen.refused for c in cameras(server)) <= 20
            assert max(c.seen.refused for c in cameras(server)) <= 2
            (tmp_path / "secret2").write_text(PASSWORD)
            house.config.write_text(house.config.read_text().replace('"secret"', '"secret2"'))
            await house.ask("reload")
            await until(house, lambda: len(told()) > 1)
            assert "take the password of account fleet again" in told()[1]


REMEDIES = """
[remedies]
mode = "{mode}"
all_per_hour = 1
settle = "500ms"
patience = "60s"
again = "300ms"
[[remedies.action]]
rule = "no-video"
action = "reboot"
after = "0s"

[[maintenance]]
name = "works"
select = {{ id = "cam1" }}
begin = 2020-01-01T00:00:00
end = 2099-01-01T00:00:00
"""


EXCLUSION = (
    "INSERT INTO exclusion (reach, name, since, until, cause, author, note, confirmed_by)"
    " VALUES ('device', 'cam4', 0, 4000000000000, 'maintenance', 'me', '', '')"
)
"""Maintenance that somebody has entered by hand."""


async def test_remedies_are_off_then_rehearsed_then_done_within_their_limits(tmp_path: Path) -> None:
    async with fleet(5) as server:
        server.fleet.reboot_s = 0.5
        sim = cameras(server)
        for camera in sim[1:]:
            camera.auth, camera.fault = Auth.WSSE, Fault.NO_FRAMES
        everyone = devices(server)
        async with watched(tmp_path, server, everyone) as (house, phone):
            await house.all_measured()
            await until(house, lambda: len(alerts(house)) == 4)
            assert remedies(house) == []
            plain = house.config.read_text()
            with closing(sqlite3.connect(house.ledger, timeout=10)) as db, db:
                db.execute(EXCLUSION)

            house.config.write_text(plain + REMEDIES.format(mode="dry_run"))
            await house.ask("reload")
            await until(house, lambda: len(remedies(house)) == 4)
            limit = "the limit of 1 in all per hour is reached"
            rehearsed = {id_: (step, detail) for id_, step, detail in remedies(house)}
            assert rehearsed["cam1"] == rehearsed["cam4"] == ("held", "in maintenance")
            assert sorted([rehearsed["cam2"], rehearsed["cam3"]]) == [("dry_run", ""), ("held", limit)]
            assert sum(camera.seen.reboots for camera in sim) == 0

            # A new name of the rule is a new alert: it asks anew.
            rules = tmp_path / "rules.d" / "cameras.toml"
            rules.write_text(rules.read_text().replace('"no-video"', '"picture-lost"'))
            config = REMEDIES.format(mode="on").replace('"no-video"', '"picture-lost"')
            house.config.write_text(plain + config)
            await house.ask("reload")
            await until(house, lambda: sum(camera.seen.reboots for camera in sim) == 1)
            treated = next(number for number, camera in enumerate(sim) if camera.seen.reboots)
            sim[treated].fault = Fault.NONE
            await until(house, lambda: "cured" in [step for _, step, _ in remedies(house)])
            await until(house, lambda: any("Repaired by a reboot" in m.text for m in phone.received))
            steps = remedies(house)[4:]
            other = 5 - treated
            assert treated in (2, 3)
            assert [(s, d) for i, s, d in steps if i == f"cam{treated}"] == [
                ("asked", ""),
                ("accepted", ""),
                ("cured", "repaired by reboot"),
            ]
            assert [(s, d) for i, s, d in steps if i == f"cam{other}"] == [("held", limit)]
            for id_ in ("cam1", "cam4"):
                assert [(s, d) for i, s, d in steps if i == id_] == [("held", "in maintenance")]
            assert sum(camera.seen.reboots for camera in sim) == 1
            with house.books() as db:
                kinds = db.execute("SELECT text FROM incident_event WHERE kind = 'remedy'").fetchall()
            assert ("reboot: cured (repaired by reboot)",) in kinds
            # Nobody was told of a repair before the key frame.
            repaired = [m.text for m in phone.received if "Repaired" in m.text]
            assert len(repaired) == 1
            assert "video is back" in repaired[0]
