"""The courier: nothing a send does can harm the daemon, another send, or be left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from monitor.notifiers.courier.client import Courier
from monitor.notifiers.notice import Outcome
from tests import notify_fakes as fakes
from tests.notify_fakes import Mode, serving
from tests.notify_support import channel, wecom

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).parents[1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def courier() -> AsyncIterator[Courier]:
    courier = Courier()
    await courier.start()
    yield courier
    pid = courier.pid
    await courier.stop()
    assert pid is not None and not alive(pid)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def until(condition: object) -> None:
    async with asyncio.timeout(60):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_a_send_that_hangs_or_drips_is_killed_at_its_deadline_and_reaped(
    courier: Courier, tmp_path: Path
) -> None:
    with serving(fakes.wecom) as fake:
        for mode in (Mode.HANG, Mode.DRIP):
            fake.mode = mode
            report = await courier.send(wecom(tmp_path, fake.base, deadline="400ms", timeout="10s"), "", "x")
            assert (report.outcome, report.code) == (Outcome.TEMPORARY, "timeout"), report
    assert courier.pid is not None
    await until(lambda: not children(courier.pid))


async def test_an_answer_that_does_not_come_in_time_is_told_as_that(courier: Courier, tmp_path: Path) -> None:
    with serving(fakes.wecom) as fake:
        fake.mode = Mode.HANG
        report = await courier.send(wecom(tmp_path, fake.base, timeout="200ms"), "", "x")
    assert (report.outcome, report.code, report.detail) == (
        Outcome.TEMPORARY,
        "network",
        "no answer in time",
    )


async def test_a_good_send_passes_stuck_ones(courier: Courier, tmp_path: Path) -> None:
    with serving(fakes.wecom) as bad, serving(fakes.wecom) as good:
        bad.mode = Mode.HANG
        stuck = [
            asyncio.create_task(courier.send(wecom(tmp_path, bad.base, timeout="20s"), "", "x"))
            for _ in range(10)
        ]
        report = await courier.send(wecom(tmp_path, good.base), "", "x")
        assert report.outcome is Outcome.DELIVERED
        assert not any(task.done() for task in stuck)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
    # A send that nobody waits for any more is killed: it would be made again.
    assert courier.pid is not None
    await until(lambda: not children(courier.pid))


async def test_a_killed_courier_is_replaced_and_its_sends_are_tried_again(tmp_path: Path) -> None:
    courier = Courier()
    await courier.start()
    with serving(fakes.wecom) as fake:
        fake.mode = Mode.HANG
        target = wecom(tmp_path, fake.base, timeout="20s")
        send = asyncio.create_task(courier.send(target, "", "x"))
        await until(lambda: fake.asked)
        first = courier.pid
        assert first is not None
        (child,) = children(first)
        os.kill(first, signal.SIGKILL)
        report = await send
        assert (report.outcome, report.code) == (Outcome.TEMPORARY, "courier")
        await until(lambda: not alive(child))
        fake.mode = Mode.GOOD
        assert (await courier.send(target, "", "x")).outcome is Outcome.DELIVERED
    assert courier.restarts == 1 and courier.pid != first
    await courier.stop()


async def test_no_process_is_left_when_the_daemon_is_killed(tmp_path: Path) -> None:
    """Neither the courier, nor a send that hangs, nor a command that a send has started."""
    marker = tmp_path / "pid"
    script = tmp_path / "horn"
    script.write_text(f"#!/bin/sh\necho $$ > {marker}\nexec sleep 600\n")
    script.chmod(0o755)
    program = textwrap.dedent(f"""
        import asyncio
        from monitor.notifiers.courier.client import Courier
        from monitor.notifiers.settings import ChannelSettings, open_channel
        async def main():
            courier = Courier()
            await courier.start()
            print(courier.pid, flush=True)
            settings = ChannelSettings(url="exec://{script}", deadline="300s")
            await courier.send(open_channel("horn", settings), "", "x")
        asyncio.run(main())
    """)
    daemon = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    courier = int(await asyncio.to_thread(daemon.stdout.readline))
    await until(lambda: marker.exists() and marker.read_text().strip())
    command = int(marker.read_text())
    assert alive(courier) and alive(command)
    daemon.kill()
    daemon.wait()
    daemon.stdout.close()
    await until(lambda: not alive(courier) and not alive(command))


async def test_the_daemon_s_side_imports_neither_apprise_nor_a_plugin() -> None:
    program = (
        "import sys, monitor.notifiers.lanes, monitor.notifiers.courier.client\n"
        "print([m for m in sys.modules if m.startswith(('apprise', 'monitor.notifiers.plugins'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


async def test_secrets_are_struck_out_of_whatever_comes_back(courier: Courier, tmp_path: Path) -> None:
    secret = "s3cr3t/with+odd chars"
    with serving(fakes.plain_hook) as fake:
        fake.forced = (403, {"error": f"bad token {secret}"})
        target = channel(
            tmp_path,
            f"webhook://{fake.base.removeprefix('http://')}/{{token}}?success=ok%20%3D%3D%201",
            {"token": secret},
        )
        report = await courier.send(target, "", "x")
        assert report.outcome is Outcome.PERMANENT and "bad token" in report.detail
        wrong = channel(tmp_path, "slack://{token}", {"token": secret})
        told = [repr(report), repr(await courier.verify(wrong)), repr(target), repr(wrong)]
    for text in told:
        assert "s3cr3t" not in text and "odd chars" not in text, text


async def test_a_url_that_apprise_would_skip_is_an_error(courier: Courier, tmp_path: Path) -> None:
    key = {"key": "abc"}
    cases = {
        "wecombt://{key}": "Apprise knows no scheme wecombt://; did you mean wecombot://?",
        "nosuchthing://{key}": "Apprise knows no scheme nosuchthing://",
        "slack://{key}": "Apprise refuses this url: An invalid Slack",
        "wecombot://{key}?mood=bad": "unknown parameter of wecombot://: mood",
        "wecombot://{key}?at=example.org": "at= is an address such as",
        "mailto://?user={key}": "Invalid ~From~ email",
    }
    for url, expected in cases.items():
        report = await courier.verify(channel(tmp_path, url, key))
        assert (report.outcome, report.code) == (Outcome.PERMANENT, "config"), url
        assert expected in report.detail, (url, report.detail)
    good = await courier.verify(channel(tmp_path, "wecombot://{key}", key))
    assert good.outcome is Outcome.DELIVERED


async def test_apprise_s_own_plugins_are_held_to_what_was_seen_on_the_wire(
    courier: Courier, tmp_path: Path
) -> None:
    with serving(fakes.plain_hook) as fake:
        target = channel(tmp_path, f"json://{fake.base.removeprefix('http://')}/", deadline="60s")
        assert (await courier.send(target, "标题", "文本")).outcome is Outcome.DELIVERED
        expected = {
            Mode.ERROR_500: Outcome.TEMPORARY,
            Mode.TOO_MANY_429: Outcome.TEMPORARY,
            Mode.RESET: Outcome.TEMPORARY,
            Mode.REDIRECT: Outcome.PERMANENT,
        }
        for mode, outcome in expected.items():
            fake.mode = mode
            report = await courier.send(target, "标题", "文本")
            assert report.outcome is outcome, (mode, report)
            assert (report.retry_after_s == 17.0) is (mode is Mode.TOO_MANY_429)
        fake.mode, fake.forced = Mode.GOOD, (404, {})
        assert (await courier.send(target, "标题", "文本")).outcome is Outcome.PERMANENT
    assert json.loads(fake.taken[0])["title"] == "标题"
