"""What rules have learned outlives a restart and a reload, and a torn file costs only that file."""

from __future__ import annotations

from types import SimpleNamespace

from monitor.learned import Learned
from monitor.model import DeviceId, Instant, MonoMs, Reading, WallMs
from monitor.rules import rule_class
from monitor.rules.book import RuleBook
from tests.core_support import town


def book_of(fleet):
    rule = {"name": "rtt", "type": "baseline", "metric": "ping.average_response_ms", "resolution": "1m"}
    return RuleBook([rule_class("baseline").Settings.model_validate(rule)], fleet)


def daemon_of(book, folder):
    config = SimpleNamespace(daemon=SimpleNamespace(state_dir=folder))
    return SimpleNamespace(pipeline=SimpleNamespace(book=book), config=config)


def teach(book, minutes):
    rule = book.rules["rtt"]
    for minute in range(minutes):
        at = WallMs(1_800_000_000_000 + minute * 60_000)
        now = Instant(at, MonoMs(minute * 60_000))
        reading = Reading("ping.average_response_ms", 5.0 + minute % 3)
        list(rule.on_tick(now))
        list(rule.on_reading(DeviceId("cam0.0.1"), reading, at, now))
    return rule.snapshot()


async def test_a_restart_and_a_reload_take_up_what_was_learned(tmp_path):
    fleet = town().pipeline.states
    book = book_of(fleet)
    learned = teach(book, 90)
    assert learned.keys
    await Learned(daemon_of(book, tmp_path)).save()

    after_restart = book_of(fleet)
    Learned(daemon_of(after_restart, tmp_path)).take_up()
    assert (after_restart.rules["rtt"].snapshot().wide == learned.wide).all()

    after_reload = book_of(fleet)
    after_reload.inherit(book)
    assert (after_reload.rules["rtt"].snapshot().wide == learned.wide).all()


async def test_a_torn_file_costs_only_what_was_learned_since_the_last_good_one(tmp_path):
    fleet = town().pipeline.states
    book = book_of(fleet)
    keeper = Learned(daemon_of(book, tmp_path))
    first = teach(book, 60)
    assert first.keys
    await keeper.save()
    teach(book, 90)
    await keeper.save()
    (newest,) = (tmp_path / "learned").glob("*.bin")
    newest.write_bytes(newest.read_bytes()[:-100])

    again = book_of(fleet)
    Learned(daemon_of(again, tmp_path)).take_up()
    assert (again.rules["rtt"].snapshot().wide == first.wide).all()
