"""Modems, local commands and mail: what became of a message is what is reported."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from monitor.notifiers.courier.client import Courier
from monitor.notifiers.notice import Outcome
from tests.notify_support import Smtp, channel

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def courier() -> AsyncIterator[Courier]:
    courier = Courier()
    await courier.start()
    yield courier
    await courier.stop()


def _modem(tmp: Path, scheme: str, failed: str, **settings: object) -> tuple[Path, object]:
    for name in ("outbox", "sent", failed):
        (tmp / name).mkdir()
    url = f"{scheme}://{tmp}/outbox?sent={tmp}/sent&{failed}={tmp}/{failed}&to=13800000001"
    return tmp / "outbox", channel(tmp, url, **settings)


@pytest.mark.skipif(shutil.which("gammu-smsd") is None, reason="needs the Debian package gammu-smsd")
async def test_a_message_goes_out_through_a_real_gammu_smsd(courier: Courier, tmp_path: Path) -> None:
    """With Gammu's dummy phone, which writes what it sends into files."""
    _, target = _modem(tmp_path, "gammu", "error")
    (tmp_path / "phone").mkdir()
    (tmp_path / "inbox").mkdir()
    config = tmp_path / "smsdrc"
    config.write_text(
        f"[gammu]\nmodel = dummy\nconnection = none\nport = {tmp_path}/phone\n"
        f"[smsd]\nservice = files\nlogfile = {tmp_path}/log\ndebuglevel = 255\n"
        "commtimeout = 1\nloopsleep = 1\n"
        + "".join(
            f"{key}path = {tmp_path}/{folder}/\n"
            for key, folder in (
                ("inbox", "inbox"),
                ("outbox", "outbox"),
                ("sentsms", "sent"),
                ("errorsms", "error"),
            )
        )
    )
    smsd = subprocess.Popen(
        ["gammu-smsd", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        report = await courier.send(target, "", "重要：城东 在线率 94.8%")
    finally:
        smsd.terminate()
        smsd.wait()
    assert report.outcome is Outcome.DELIVERED, (report, (tmp_path / "log").read_text())
    assert report.detail == "1 × 1 part (UCS-2, 15 characters): 138****0001"
    (sent,) = (tmp_path / "sent").iterdir()
    assert "+8613800000001" in sent.name
    log = (tmp_path / "log").read_text(errors="replace")
    assert 'Found 1 sms to "+8613800000001" with text "重要：城东 在线率 94.8%"' in log


async def test_a_message_that_no_modem_takes_is_withdrawn_and_tried_again(
    courier: Courier, tmp_path: Path
) -> None:
    outbox, target = _modem(tmp_path, "smstools", "failed", options={"within": 1})
    report = await courier.send(target, "", "文本")
    assert (report.outcome, report.code) == (Outcome.TEMPORARY, "spool")
    assert not list(outbox.iterdir())


@pytest.mark.parametrize(("folder", "outcome"), [("sent", Outcome.DELIVERED), ("failed", Outcome.TEMPORARY)])
async def test_what_smstools_did_with_a_message_is_what_is_reported(
    courier: Courier, tmp_path: Path, folder: str, outcome: Outcome
) -> None:
    outbox, target = _modem(tmp_path, "smstools", "failed")
    send = asyncio.create_task(courier.send(target, "", "文本"))
    async with asyncio.timeout(60):
        while not (found := [path for path in outbox.iterdir() if not path.name.startswith(".")]):
            await asyncio.sleep(0.01)
    text = found[0].read_bytes()
    found[0].rename(tmp_path / folder / found[0].name)
    assert (await send).outcome is outcome
    assert text == "To: 8613800000001\nAlphabet: UTF-8\n\n文本".encode()


@pytest.mark.parametrize(
    ("body", "outcome", "code"),
    [
        ('test "$*" = "-l \'a b\' \\$HOME;x" && grep -q 文本 && test "$CAMWATCH_TITLE" = 标题', OK, "")
        for OK in [Outcome.DELIVERED]
    ]
    + [
        ("exit 75", Outcome.TEMPORARY, "75"),
        ("exit 69", Outcome.PERMANENT, "69"),
        ("echo no lamp >&2; exit 1", Outcome.TEMPORARY, "1"),
        ('test -z "$NOTIFY_TEST_SECRET" || exit 64', Outcome.DELIVERED, ""),
        ("sleep 60", Outcome.TEMPORARY, "timeout"),
    ],
)
async def test_a_command_gets_its_fixed_arguments_and_its_exit_status_counts(
    courier: Courier, tmp_path: Path, body: str, outcome: Outcome, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_TEST_SECRET", "x")
    script = tmp_path / "horn"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    options = {"arg1": "-l", "arg2": "'a b'", "arg3": "$HOME;x"}
    deadline = "400ms" if code == "timeout" else "60s"
    report = await courier.send(
        channel(tmp_path, f"exec://{script}", options=options, deadline=deadline), "标题", "文本"
    )
    assert (report.outcome, report.code) == (outcome, code), report


async def test_mail_that_is_refused_is_told_apart_for_good_or_for_now(
    courier: Courier, tmp_path: Path
) -> None:
    async def refuse(replies: dict[str, bytes], outcome: Outcome, code: str) -> None:
        taken: list[bytes] = []
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Smtp(replies, taken), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"mailto://127.0.0.1:{port}?from=cam@example.org&to=a@example.org,b@example.org"
        report = await courier.send(channel(tmp_path, url), "标题", "文本")
        assert (report.outcome, report.code) == (outcome, code), report
        # A recipient that took it is not written to again.
        before = len(taken)
        replies.clear()
        again = await courier.send(channel(tmp_path, url), "标题", "文本", done=report.done)
        assert again.outcome is Outcome.DELIVERED
        assert len(taken) - before == 2 - len([d for d in report.done if d[1] == "str"])
        server.close()
        await server.wait_closed()

    await asyncio.gather(
        refuse({}, Outcome.DELIVERED, ""),
        refuse({"a@example.org": b"550 5.1.1 no such user"}, Outcome.PERMANENT, "550"),
        refuse({"b@example.org": b"550 5.1.1 no such user"}, Outcome.PERMANENT, "550"),
        refuse({"a@example.org": b"450 4.2.1 mailbox busy"}, Outcome.TEMPORARY, "450"),
        refuse({"data": b"554 5.7.1 spam"}, Outcome.PERMANENT, "554"),
        refuse({"data": b"452 4.3.1 disk full"}, Outcome.TEMPORARY, "452"),
        refuse({"greeting": b"421 4.3.2 closing"}, Outcome.TEMPORARY, "421"),
    )
