"""What rules have learned outlives a restart and a reload, and a torn file costs only that file."""

from __future__ import annotations

from types import SimpleNamespace

from monitor.jobs.learned import Learned
from monitor.model import DeviceId, Instant, MonoMs, Reading, WallMs
from monitor.rules import rule_class
from monitor.rules.book import RuleBook
from monitor.simulate.world import small_town
from monitor.storage.ledger.records import SeriesAlerted
from tests.core_support import policy_of, town, wall

START = 1_800_000_000_000
DAY = 86_400_000


def book_of(fleet):
    rule = {"name": "rtt", "type": "baseline", "metric": "ping.average_response_ms", "resolution": "1m"}
    return RuleBook([rule_class("baseline").Settings.model_validate(rule)], fleet)


def core_of(book, folder):
    config = SimpleNamespace(daemon=SimpleNamespace(state_dir=folder))
    plan = SimpleNamespace(devices={d.id: d for d in small_town()}, policy=SimpleNamespace(maintenance=()))
    pipeline = SimpleNamespace(book=book, plan=plan)
    return SimpleNamespace(pipeline=pipeline, config=config, ledger=_Books(), clock=_Clock())


class _Books:
    """Takes what is booked."""

    def __init__(self):
        self.records = []

    def write(self, records):
        self.records += records


class _Clock:
    wall = START

    def now(self):
        return Instant(WallMs(self.wall), MonoMs(0))


def teach(book, minutes):
    rule = book.rules["rtt"]
    for minute in range(minutes):
        at = WallMs(START + minute * 60_000)
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
    await Learned(core_of(book, tmp_path), START).save()

    after_restart = book_of(fleet)
    Learned(core_of(after_restart, tmp_path), START).take_up()
    assert (after_restart.rules["rtt"].snapshot().wide == learned.wide).all()

    after_reload = book_of(fleet)
    after_reload.inherit(book)
    assert (after_reload.rules["rtt"].snapshot().wide == learned.wide).all()


async def test_a_torn_file_costs_only_what_was_learned_since_the_last_good_one(tmp_path):
    fleet = town().pipeline.states
    book = book_of(fleet)
    keeper = Learned(core_of(book, tmp_path), START)
    first = teach(book, 60)
    assert first.keys
    await keeper.save()
    teach(book, 90)
    await keeper.save()
    (newest,) = (tmp_path / "learned").glob("*.bin")
    newest.write_bytes(newest.read_bytes()[:-100])

    again = book_of(fleet)
    Learned(core_of(again, tmp_path), START).take_up()
    assert (again.rules["rtt"].snapshot().wide == first.wide).all()


async def test_planned_work_that_is_over_is_followed_by_learning_anew(tmp_path):
    """That of one time; also when it ended while we were not running."""
    book = book_of(town().pipeline.states)
    teach(book, 90)
    core = core_of(book, tmp_path)
    window = {
        "name": "new lenses",
        "timezone": "UTC",
        "begin": "2027-01-15T10:00:00",
        "end": "2027-01-15T12:00:00",
    }
    weekly = {"name": "backup", "timezone": "UTC", "weekdays": ["fri"], "at": "10:00:00", "length": "2h"}
    learned = Learned(core, WallMs(wall("2027-01-15T10:00:00")))
    learner = book.rules["rtt"].learner
    for windows, hour, known in (([weekly], 13, True), ([window], 19, True), ([window], 21, False)):
        core.pipeline.plan.policy = policy_of(maintenance=windows)
        core.clock.wall = wall(f"2027-01-15T{hour}:00:00")
        learned.look()
        assert all(learner.usual(key, WallMs(START)) is not None for key in learner.series()) is known


async def test_what_a_series_alerts_is_booked_once(tmp_path):
    book = book_of(town().pipeline.states)
    core, rule = core_of(book, tmp_path), book.rules["rtt"]
    rule.alerts.add((DeviceId("cam0.0.1"), (("ifIndex", "3"),)), WallMs(START), 9.0, 1.0, 2.0)
    learned = Learned(core, WallMs(START))
    learned.look()
    learned.look()
    [record] = core.ledger.records
    assert isinstance(record, SeriesAlerted)
    assert record.values() == (START, "rtt", "ping.average_response_ms", "cam0.0.1", "3", 9.0, 1.0, 2.0, 1)
