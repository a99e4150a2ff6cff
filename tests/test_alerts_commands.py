"""The commands of those on call, against a running daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.alerts.tokens import Tokens
from monitor.cli import main
from monitor.control.wire import ControlError
from monitor.model import IncidentId, WallMs
from tests.config_support import DEVICE, written
from tests.daemon_support import KEY, RULES, House
from tests.street_support import CONFIG, Street

LEVEL = """
[[level]]
name = "any"
respond = "30m"
repair = "12h"
steps = [{ after = "50%", receivers = ["duty"], note = "second line" }]
"""


def said(house: House, *words: str) -> str:
    result = CliRunner().invoke(main, [*words, "-c", str(house.config)])
    assert result.exit_code == 0, result.output
    return result.output


async def test_on_call_explains_silences_acknowledges_notes_and_resolves(
    tmp_path: Path, street: Street
) -> None:
    values = {"level": "info", "more": "", "channels": '["phone"]'}
    url = "json://127.0.0.1:9/{{key}}"  # nobody listens: messages stay in the outbox
    text = CONFIG.format(port=street.port, url=url.format(), key=KEY, **values) + RULES + LEVEL
    text = text.replace("[daemon]", '[daemon]\nbase_url = "https://camwatch.example.org"', 1)
    house = House(tmp_path, {KEY: "sesame"})
    house.furnish(street.devices, text)
    camera = next(d for d in street.devices if d.kind == "camera" and not d.key_site)

    def run(*words: str) -> asyncio.Future[str]:
        return asyncio.get_running_loop().run_in_executor(None, said, house, *words)

    async with house.running():
        await house.all_measured()
        made = await run("silence", "add", "--match", "cause=device_down", "--until", "1h",
                         "--reason", "施工", "--by", "王工")  # fmt: skip
        assert made.startswith("silence 1 until ")
        street.unplug([camera.address])
        status = await house.until(lambda s: any(i["cause"] == "device_down" for i in s["incidents"]))
        (number,) = (i["id"] for i in status["incidents"] if i["cause"] == "device_down")
        found = await run("explain", camera.id)
        assert "state: down since" in found
        assert "parent: " in found and "rules that see it: " in found and "device-down" in found
        assert f"incident #{number}" in found and "level any" in found and "second line" in found
        assert "cause=device_down" in await run("silence", "list")
        assert await run("silence", "end", "1") == "silence 1 ended\n"
        assert await run("silence", "list") == "no silences\n"
        assert (await run("ack", f"#{number}", "--by", "王工", "--until", "2h")).startswith(
            f"#{number} acknowledged by 王工 until "
        )
        assert "acknowledged by 王工 until" in await run("explain", camera.name)
        token = Tokens.of_file(tmp_path / "state" / "link.key").issue(IncidentId(number), WallMs(1 << 50))
        assert await house.ask("redeem", token=token) == {"incident": number}
        with pytest.raises(ControlError, match="used already"):
            await house.ask("redeem", token=token)
        assert "acknowledged by link" in await run("explain", camera.name)
        slip = await run("silence", "add", "--match", "aera=东", "--until", "1h", "--reason", "x")
        assert 'no alert has a label "aera"; did you mean "area"?' in slip
        with pytest.raises(ControlError, match="at most 2000 are kept"):
            await house.ask("note", incident=number, author="x", text="长" * 2001)
        await run("note", str(number), "已到现场", "--by", "王工")
        assert await run("resolve", str(number), "已熔接", "--by", "王工") == f"#{number} resolved by 王工\n"
        await run("cause", str(number), "光纤被挖断", "--by", "王工")  # often known only when it is over
        with pytest.raises(ControlError, match="no incident #77"):
            await house.ask("note", incident=77, author="x", text="y")
        with pytest.raises(ControlError, match=f"no open incident #{number}"):
            await house.ask("ack", incident=number, author="x")
        with pytest.raises(ControlError, match="an author is needed"):
            await house.ask("ack", incident=number)
        with pytest.raises(ControlError, match="not a regular expression"):
            await house.ask("silence", match={"site": "~["}, for_ms=1000, author="x", text="y")
        with pytest.raises(ControlError, match="a label without a value"):
            await house.ask("silence", match={"area": ""}, for_ms=1000, author="x", text="y")
        with pytest.raises(ControlError, match="no device has the id"):
            await house.ask("explain", device="nowhere")
        assert await house.stop() == 0
    with house.books() as db:
        rows = db.execute("SELECT kind, author, text FROM incident_event WHERE author = '王工'").fetchall()
    assert rows == [
        ("acknowledged", "王工", ""),
        ("note", "王工", "已到现场"),
        ("resolved by hand", "王工", "已熔接"),
        ("cause", "王工", "光纤被挖断"),
    ]


ALERTING = """
[channel.mail]
url = "mailto://127.0.0.1?from=camwatch@example.com&to=oncall@example.com"
[receiver.a]
channels = ["mail"]
[receiver.duty]
roster = "weekly"
[roster.weekly]
members = ["a"]
first_day = 2026-01-05
[[route]]
match = { severity = "critical" }
receiver = "duty"
group_wait = "0s"
[[maintenance]]
name = "work"
weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
at = 00:00:00
length = "1d"
"""


def test_routes_rosters_and_planned_work_can_be_asked_about_without_a_daemon(tmp_path: Path) -> None:
    path = written(tmp_path, ALERTING + LEVEL + DEVICE)

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, [*words, "-c", str(path)])
        return result.exit_code, result.output

    code, text = run("routes", "test", "--label", "severity=critical")
    assert code == 0
    assert "after 0s: duty (on duty: a) → mail" in text
    assert "at 6h of repair (50%): duty (on duty: a) → mail (second line)" in text
    assert run("routes", "test", "--label", "severity=info") == (
        1,
        "no route takes it: nobody would be told\n",
    )
    assert run("routes", "test", "--label", "severity")[0] == 2
    assert run("roster") == (0, "duty: now a (mail)\n")
    code, text = run("maintenance", "check")
    assert code == 1  # open now, and never announced
    assert "work: open" in text and "1 devices; not announced" in text and "CAM-1 Gate" in text
