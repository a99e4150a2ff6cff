"""The daemon with notifications switched on: Debian's snmptrap and snmpinform speak to a real one."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

from monitor.model import Device, DeviceId, Kind
from tests.addresses import free_port
from tests.daemon_support import House
from tests.street_support import Street

CONFIG = """\
[[device]]
id = "ups-1"
name = "UPS 1"
kind = "ups"
address = "127.0.0.1"
[[device]]
id = "ups-2"
name = "UPS 2"
kind = "ups"
address = "127.0.0.2"

[daemon]
state_dir = "state"
run_dir = "run"
uplink = {{ references = ["127.0.0.1"] }}

[checks.tcp]
interval = "1h"
timeout = "300ms"
port = {street}

[kind.ups]
checks = ["tcp"]

[states]
recheck = "100ms"
settle = "500ms"

[health]
port = {health}

[traps]
listen = "127.0.0.1"
port = {traps}
communities = [{{ env = "TRAP_COMMUNITY" }}]
users = [{{ user = "watch", auth = "sha256", auth_pass = {{ env = "TRAP_AUTH" }}, priv = "aes128", priv_pass = {{ env = "TRAP_PRIV" }} }}]
per_minute = 20
check_again_after = "0s"

[channel.mail]
url = "json://127.0.0.1:9"
[receiver.nobody]
channels = ["mail"]
[[route]]
receiver = "nobody"

[[rule]]
name = "on-battery"
type = "threshold"
metric = "ups.on_battery"
above = 0

[[rule]]
name = "trap-alarm"
type = "threshold"
metric = "trap.alarm"
above = 0

[[rule]]
name = "device-down"
type = "threshold"
state = "down"
"""  # noqa: E501  a table on one line
ENVIRONMENT = {"TRAP_COMMUNITY": "se cret", "TRAP_AUTH": "auth pass phrase", "TRAP_PRIV": "priv pass phrase"}
V2C = ("-v2c", "-c", "se cret")
V3 = ("-v3", "-u", "watch", "-l", "authPriv", "-a", "SHA-256", "-A", "auth pass phrase", "-x", "AES",
      "-X", "priv pass phrase")  # fmt: skip
COLD_START = "1.3.6.1.6.3.1.1.5.1"
LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"
AUTHENTICATION_FAILURE = "1.3.6.1.6.3.1.1.5.5"


class Sender:
    """net-snmp as the device that sends."""

    def __init__(self, folder: Path, port: int) -> None:
        if shutil.which("snmptrap") is None:
            pytest.skip("needs the Debian package snmp")
        self._folder = folder
        self._target = f"udp:127.0.0.1:{port}"

    async def send(self, program: str, *options: str, what: Sequence[str]) -> int:
        process = await asyncio.create_subprocess_exec(
            program, *options, self._target, *what,
            env={"SNMP_PERSISTENT_DIR": str(self._folder), "PATH": "/usr/bin", "MIBS": ""},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return await asyncio.wait_for(process.wait(), 90)


async def test_notifications_of_every_version_are_taken_and_act_at_once(tmp_path: Path) -> None:
    devices = [Device(DeviceId(ip), ip, Kind.UPS, ip) for ip in ("127.0.0.1", "127.0.0.2")]
    with Street(devices) as street:
        traps, health = free_port(), free_port()
        house = House(tmp_path, ENVIRONMENT)
        house.config.write_text(CONFIG.format(street=street.port, traps=traps, health=health))
        sender = Sender(tmp_path, traps)
        async with house.running():
            await house.until(lambda s: s["traps"])

            # v1, an APC's "on battery": the rule about the reading, without waiting for a poll.
            await sender.send(
                "snmptrap", "-v1", "-c", "se cret",
                what=("1.3.6.1.4.1.318", "127.0.0.1", "6", "5", "1"),
            )  # fmt: skip
            status = await house.until(lambda s: s["incidents"])
            assert [alert["rule"] for i in status["incidents"] for alert in i["alerts"]] == ["on-battery"]

            # v2c: the device is checked at once, though its round is up to an hour away.
            assert await sender.send("snmptrap", *V2C, "--clientaddr=127.0.0.2", what=("", COLD_START)) == 0
            await house.until(lambda s: s["states"].get("up") == 2)
            street.unplug(["127.0.0.2"])
            assert await sender.send("snmptrap", *V2C, "--clientaddr=127.0.0.2", what=("", COLD_START)) == 0
            await house.until(lambda s: s["states"].get("down") == 1)

            # v3, an inform: acknowledged, or snmpinform would fail.
            assert await sender.send("snmpinform", *V3, "-r1", "-t20", what=("", AUTHENTICATION_FAILURE)) == 0
            await house.until(
                lambda s: any(a["rule"] == "trap-alarm" for i in s["incidents"] for a in i["alerts"])
            )

            # Not believed, but counted and named.
            await sender.send("snmptrap", *V2C, "--clientaddr=127.0.0.9", what=("", LINK_DOWN))
            await sender.send("snmptrap", "-v2c", "-c", "guess", what=("", LINK_DOWN))
            status = await house.until(
                lambda s: s["traps"]["unknown_sender"] and s["traps"]["refused_community"]
            )
            assert status["traps"]["unknown_senders"] == [{"address": "127.0.0.9", "count": 1}]
            assert status["traps"]["believed"] == 4
            page = await asyncio.to_thread(
                lambda: urllib.request.urlopen(f"http://127.0.0.1:{health}/metrics").read().decode()
            )
            assert "camwatch_traps_unknown_sender_total 1.0" in page
            assert "camwatch_traps_believed_total 4.0" in page

            # A reload keeps the port, the counts, and to senders of informs the same engine.
            house.config.write_text(house.config.read_text().replace("per_minute = 20", "per_minute = 19"))
            await house.ask("reload")
            assert await sender.send("snmpinform", *V3, "-r1", "-t20", what=("", LINK_DOWN)) == 0
            status = await house.until(lambda s: s["traps"]["believed"] == 5)
            assert status["traps"]["unknown_sender"] == 1
            # One of another port listens there; without the section nobody listens.
            house.config.write_text(
                house.config.read_text().replace(f"port = {traps}", f"port = {free_port()}")
            )
            await house.ask("reload")
            assert (await house.ask("status"))["traps"]["unknown_sender"] == 1
            without = house.config.read_text()
            house.config.write_text(
                without.partition("[traps]")[0] + "[channel" + without.partition("[channel")[2]
            )
            await house.ask("reload")
            status = await house.until(
                lambda s: not any(a["rule"] == "trap-alarm" for i in s["incidents"] for a in i["alerts"])
            )
            assert status["traps"] is None
            assert status["task_failures"] == 0
            assert await house.stop() == 0
