"""The demo's phone refuses what WeCom refuses and shows the rest; ``test-notify`` says what came back."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from click.testing import CliRunner
from rich.console import Console

from monitor.cli import main
from monitor.clock import ManualClock, SystemClock
from monitor.model import IncidentId, Severity
from monitor.notifiers.attachment import Attachments
from monitor.notifiers.courier.client import Courier
from monitor.notifiers.lanes import Lanes
from monitor.notifiers.notice import Notice, NoticeKind, OutboxEntry, Outcome, SendResult
from monitor.notifiers.test_message import send_test
from monitor.simulate.phone import Phone
from monitor.words import Language
from tests import notify_fakes as fakes
from tests.notify_fakes import serving
from tests.notify_support import channel


class Books:
    def __init__(self) -> None:
        self.results: list[SendResult] = []

    def delivered(self, entry: OutboxEntry, result: SendResult) -> None:
        self.results.append(result)

    def postponed(self, entry: OutboxEntry, result: SendResult, retry_in_s: float) -> None:
        self.results.append(result)

    def dead(self, entry: OutboxEntry, result: SendResult) -> None:
        self.results.append(result)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def courier() -> AsyncIterator[Courier]:
    courier = Courier()
    await courier.start()
    yield courier
    await courier.stop()


@pytest.mark.asyncio(loop_scope="module")
async def test_messages_go_all_the_way_from_the_outbox_to_the_phone(courier: Courier, tmp_path: Path) -> None:
    screen = io.StringIO()
    clock = SystemClock()
    phone = Phone(clock, Console(file=screen, width=60, color_system=None))
    await phone.start()
    books = Books()
    zone = ZoneInfo("Asia/Shanghai")
    lanes = Lanes(
        courier, books, clock, random.Random(1), Language.ZH_CN, zone, lambda _: None, Attachments(tmp_path)
    )
    await lanes.configure([channel(tmp_path, phone.url, {"key": phone.key}, name="phone")])
    for n, kind in enumerate((NoticeKind.OPENED, NoticeKind.RESOLVED)):
        at = clock.now().wall
        notice = Notice(
            kind, Severity.CRITICAL, "device_down", "东门[bold]1号", at, incident=IncidentId(7), since=at
        )
        lanes.submit(OutboxEntry(n, "phone", notice, at))
    async with asyncio.timeout(60):
        await phone.wait_for(2)
    await lanes.stop(5)
    await phone.stop()
    assert [result.outcome for result in books.results] == [Outcome.DELIVERED] * 2
    assert [received.text.splitlines()[0] for received in phone.received] == [
        "【紧急】东门［bold］1号 离线 #7",
        "【恢复】东门［bold］1号 已恢复在线 #7",
    ]
    assert "企业微信" in screen.getvalue() and "【紧急】东门［bold］1号 离线 #7" in screen.getvalue()


@pytest.mark.asyncio(loop_scope="module")
async def test_the_phone_refuses_what_wecom_refuses(courier: Courier, tmp_path: Path) -> None:
    phone = Phone(ManualClock())
    await phone.start()
    good = channel(tmp_path, phone.url, {"key": phone.key})
    wrong = channel(tmp_path, phone.url, {"key": "0" * 32})
    assert (await courier.send(wrong, "", "x")).code == "93000"
    codes = [(await courier.send(good, "", "x")).code for _ in range(21)]
    assert codes == ["200"] * 20 + ["45009"]
    assert (len(phone.received), phone.refused) == (20, 2)
    await phone.stop()


async def test_a_test_message_says_per_channel_what_came_back(tmp_path: Path) -> None:
    with serving(fakes.wecom) as fake:
        good = channel(tmp_path, f"wecombot://{{key}}?at={fake.base}", {"key": fakes.KEY}, name="good")
        (tmp_path / "other").mkdir()
        bad = channel(tmp_path / "other", f"wecombot://{{key}}?at={fake.base}", {"key": "nosuch"}, name="bad")
        zone = ZoneInfo("Asia/Shanghai")
        results = await send_test([good, bad], Language.ZH_CN, zone, SystemClock())
    assert [(name, result.outcome, result.code) for name, result in results.items()] == [
        ("good", Outcome.DELIVERED, "200"),
        ("bad", Outcome.PERMANENT, "93000"),
    ]
    assert "【测试】测试消息，请忽略" in fake.taken[0]


def test_the_command_prints_a_line_a_channel_and_fails_unless_all_took_it(tmp_path: Path) -> None:
    (tmp_path / "good").write_text(fakes.KEY)
    (tmp_path / "bad").write_text("nosuch")
    (tmp_path / "devices.csv").write_text("id,name,kind,address\nc1,Gate,camera,127.0.0.1\n")
    with serving(fakes.wecom) as fake:
        config = tmp_path / "camwatch.toml"
        config.write_text(
            'inventory = ["devices.csv"]\n'
            f'[channel.good]\nurl = "wecombot://{{key}}?at={fake.base}"\n'
            f'secrets = {{ key = {{ file = "{tmp_path}/good" }} }}\n'
            f'[channel.bad]\nurl = "wecombot://{{key}}?at={fake.base}"\n'
            f'secrets = {{ key = {{ file = "{tmp_path}/bad" }} }}\n'
            '[receiver.oncall]\nchannels = ["good", "bad"]\n'
            '[receiver.fine]\nchannels = ["good"]\n'
            '[[route]]\nreceiver = "oncall"\n'
        )
        runner = CliRunner()
        both = runner.invoke(main, ["test-notify", "oncall", "-c", str(config)])
        fine = runner.invoke(main, ["test-notify", "fine", "-c", str(config)])
        none = runner.invoke(main, ["test-notify", "oncal", "-c", str(config)])
    assert both.exit_code == 1, both.output
    good, bad = both.output.splitlines()
    assert good.startswith("good: delivered 200") and bad.startswith("bad: permanent 93000 invalid webhook")
    assert "nosuch" not in both.output and fakes.KEY not in both.output
    assert fine.exit_code == 0, fine.output
    assert none.exit_code == 1 and 'no receiver is called "oncal"' in none.output and "oncall" in none.output
