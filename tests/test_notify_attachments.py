"""Files go out with a message, outlive a crash while it waits, and are gone when nobody needs them."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.clock import SystemClock
from monitor.deliveries import Deliveries
from monitor.model import Severity, WallMs
from monitor.notifiers.attachment import MAX_BYTES, Attachment, AttachmentError, Attachments, needed_by
from monitor.notifiers.courier.client import Courier
from monitor.notifiers.notice import Notice, NoticeKind, OutboxEntry, Outcome
from monitor.notifiers.render import render
from monitor.notifiers.schemes import Form
from monitor.resume import resume
from monitor.rules.base import Signal
from monitor.storage.ledger import Ledger
from monitor.storage.ledger.records import MessageDone, MessageQueued
from monitor.words import Language
from tests import notify_fakes as fakes
from tests.core_support import town
from tests.notify_support import Smtp, channel

PDF = Attachment.of_bytes("2026年10月 月报.pdf", b"%PDF-1.7 \x00\xff" * 99, "application/pdf")
ZONE = ZoneInfo("Asia/Shanghai")
REPORT = Notice(NoticeKind.REPORT, Severity.INFO, "report", "2026年10月 月报", WallMs(0), attachments=(PDF,))


def test_the_text_names_what_goes_along_and_what_does_not(tmp_path: Path) -> None:
    store = Attachments(tmp_path)
    store.keep(PDF)
    text = render(REPORT, Language.ZH_CN, Form.MAIL, ZONE, store.of(REPORT.attachments))
    assert text.title == "【报告】2026年10月 月报"
    assert "附件：2026年10月 月报.pdf" in text.body.splitlines()
    assert "附件未能发送：2026年10月 月报.pdf" in render(REPORT, Language.ZH_CN, Form.PHONE, ZONE).body
    store._path(PDF).unlink()
    assert store.of(REPORT.attachments) == ()


def test_a_file_too_large_for_any_mail_is_refused_where_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(AttachmentError, match=r"video\.mp4"):
        Attachment.of_file(path)


async def test_a_waiting_message_keeps_its_file_over_a_crash_and_then_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(PDF.content)
    attachment = Attachment.of_file(path, name=PDF.name)
    assert attachment == PDF
    ledger = Ledger(tmp_path / "state" / "ledger.db")
    ledger.start()
    clock = SystemClock()
    deliveries = Deliveries(ledger, clock, random.Random(1), lambda *_: None)
    notice = Notice(NoticeKind.REPORT, Severity.INFO, "report", "月报", WallMs(0), attachments=(attachment,))
    entry = OutboxEntry(1, "mail", notice, clock.now().wall)
    deliveries.queue([MessageQueued(1, None, "mail", "report", notice.to_json(), WallMs(0))], [entry])
    assert "base64" not in notice.to_json() and len(notice.to_json()) < 400
    await ledger.stop()

    ledger = Ledger(tmp_path / "state" / "ledger.db")  # the next run
    (waiting,) = resume(ledger.db).pending
    store = Attachments(tmp_path / "state" / "attachments")
    (kept,) = store.of(waiting.notice.attachments)
    assert (kept.name, kept.media_type) == (PDF.name, "application/pdf")
    assert Path(kept.path).read_bytes() == PDF.content
    later = WallMs(clock.now().wall + 86_400_000)
    store.sweep(needed_by(ledger.db), later)
    assert Path(kept.path).exists()
    record = MessageDone(1, "delivered", later)
    ledger.db.execute(record.sql, record.values())
    store.sweep(needed_by(ledger.db), clock.now().wall)
    assert Path(kept.path).exists(), "it may belong to a message that is not in the outbox yet"
    store.sweep(needed_by(ledger.db), later)
    assert not Path(kept.path).exists()
    ledger.db.close()


def test_files_go_with_an_incidents_first_message_and_with_what_is_announced() -> None:
    world = town()
    curve = Attachment.of_bytes("curve.png", b"\x89PNG", "image/png")
    odd = Signal(
        "odd", "baseline", Severity.MAJOR, (("device", "sw0.0"),), True, world.clock.now().wall,
        subject="sw", attachments=(curve,),
    )  # fmt: skip
    world.by_hand(lambda desk, now: desk.on_signals([odd], now))
    world.advance(60)
    world.by_hand(lambda desk, now: desk.on_signals([replace(odd, firing=False)], now))
    world.by_hand(lambda desk, now: desk.teller.announce(REPORT, ["oncall", "oncall"], now))
    world.advance(60)
    found = [(e.notice.kind, e.notice.attachments) for e in world.sent if e.channel == "sms"]
    assert found == [(NoticeKind.OPENED, (curve,)), (NoticeKind.RESOLVED, ()), (NoticeKind.REPORT, (PDF,))]


async def test_a_web_hook_and_a_mail_carry_the_bytes_unchanged(tmp_path: Path) -> None:
    store = Attachments(tmp_path / "attachments")
    store.keep(PDF)
    files = store.of([PDF])
    courier = Courier()
    await courier.start()
    try:
        with fakes.serving(fakes.plain_hook) as hook:
            target = channel(tmp_path, f"webhook://{hook.base.removeprefix('http://')}/hook", name="hook")
            report = await courier.send(target, "title", "body", attachments=files)
            assert report.outcome is Outcome.DELIVERED, report
            (body,) = [json.loads(text) for text in hook.taken]
            assert [(f["name"], f["type"]) for f in body["attachments"]] == [(PDF.name, "application/pdf")]
            assert base64.b64decode(body["attachments"][0]["base64"]) == PDF.content

        mails: list[bytes] = []
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Smtp({}, mails), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        mail = channel(tmp_path, f"mailto://127.0.0.1:{port}?from=cam@example.org&to=a@example.org")
        report = await courier.send(mail, "title", "body", attachments=files)
        assert report.outcome is Outcome.DELIVERED, report
        (part,) = message_from_bytes(mails[0], policy=policy.default).iter_attachments()
        assert (part.get_filename(), part.get_content_type()) == (PDF.name, "application/pdf")
        assert part.get_content() == PDF.content
        server.close()
        await server.wait_closed()
    finally:
        await courier.stop()
