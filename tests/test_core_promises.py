"""The promises, held against whatever may happen in whatever order (Hypothesis).

1. told down, then told up; 2. what was hidden behind its parent, or held back by a silence or planned work,
is told of if it is still down; 3. one case a cause, also when power cuts are voted; 4. our blindness is not
their downtime; 5. nothing accepted is lost, nothing is told twice; and the books are whole.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from monitor.alerts.maintenance import MaintenanceSettings
from monitor.alerts.suppress import Silence
from monitor.model import DeviceId, Reason, State, WallMs
from monitor.notifiers.notice import NoticeKind
from monitor.rules.power_cut import PowerCutSettings
from monitor.select import Selector
from tests.core_support import RULES, policy_of, route, told, town

DEVICES = ["core0", "sw0.0", "sw0.1", "cam0.0.0", "cam0.0.1", "cam0.1.0", "core1", "sw1.0", "cam1.0.0"]
SILENCED = [{}, {"cause": "device_down"}, {"area": "area0"}, {"severity": "critical"}]
WORKED_ON = [{}, {"site": "site0.0"}, {"area": "area1"}, {"kind": "switch"}]
CUT = PowerCutSettings.model_validate(
    {"name": "cut", "type": "power_cut", "by": ["site", "area"], "share": 50, "min_devices": 3, "min_down": 2}
)
QUIET_S = 90
"""Longer than anything takes to settle: an interval, confirmation, parents, boot grace, group_wait."""


class Fleet(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.policy = policy_of(routes=[route(repeat_interval="60s", group_interval="20s")])
        self.world = town(cameras=3, tick_ms=500, rules=[CUT, *RULES], policy=self.policy)
        self.everything = list(self.world.devices.values())
        self.blind: list[tuple[int, int]] = []
        self.lost_at: int | None = None
        self.unseen: set[str] = set()
        """Healed behind a parent that is off line: nobody can see that, so what was down stays down."""
        self.uprooted = False
        """Devices have been without their parents for a while: one that was found down by itself stays so."""

    @rule(device=st.sampled_from(DEVICES))
    def unplug(self, device):
        tracks = self.world.pipeline.states.tracks
        ill = {id_ for id_ in tracks if tracks[id_].state is State.DOWN or tracks[id_].failing}
        ill |= {result.device for _, _, result in self.world._flight if result.reason is not Reason.OK}
        healing = [id_ for id_ in ill & self.world.devices.keys() if self.world.reachable(id_)]
        self.world.unplug(device)
        # Back for a moment, and its way is cut before anybody could see that.
        self.unseen |= {i for i in healing if i not in self.world.unplugged and not self.world.reachable(i)}

    @rule(device=st.sampled_from(DEVICES))
    def plug(self, device):
        self.world.plug(device)
        if device in self.world.devices and not self.world.reachable(device):
            self.unseen.add(device)

    @rule(seconds=st.sampled_from([1, 2, 5, 11, 30, 90, 400]))
    def time_passes(self, seconds):
        self.world.advance(seconds)

    @rule()
    def uplink_lost(self):
        if self.lost_at is None:
            self.world.uplink_up = False
            self.lost_at = self.world.clock.now().wall

    @rule()
    def uplink_back(self):
        self._sight_returns()

    @rule(channel=st.sampled_from(["sms", "wecom"]))
    def channel_breaks(self, channel):
        self.world.broken_channels ^= {channel}

    @rule(seconds=st.sampled_from([0, 3, 600]))
    def crash(self, seconds):
        self.world.crash(down_ms=seconds * 1000)

    @rule(gone=st.sets(st.sampled_from(DEVICES), max_size=2))
    def reload(self, gone):
        self.uprooted = self.uprooted or bool(gone)
        parents_kept = [d for d in self.everything if d.id not in gone]
        self.world.reload(parents_kept)

    @rule()
    def acknowledge(self):
        for incident in list(self.world.pipeline.desk.incidents)[:1]:
            self.world.by_hand(lambda desk, now, i=incident: desk.acknowledge(i, "somebody", now))

    @rule(seconds=st.sampled_from([5, 60, 600]))
    def acknowledge_for_a_while(self, seconds):
        for incident in list(self.world.pipeline.desk.incidents)[-1:]:
            self.world.by_hand(
                lambda desk, now, i=incident: desk.acknowledge(
                    i, "somebody", now, WallMs(now.wall + seconds * 1000)
                )
            )

    @rule(last=st.booleans())
    def resolve_by_hand(self, last):
        for incident in list(self.world.pipeline.desk.incidents)[-1 if last else 0 :][:1]:
            self.world.by_hand(lambda desk, now, i=incident: desk.resolve(i, "somebody", "", now))

    @rule(match=st.sampled_from(SILENCED), seconds=st.sampled_from([5, 60, 600]))
    def silence(self, match, seconds):
        def act(desk, now):
            ends = WallMs(now.wall + seconds * 1000)
            desk.silence(Silence(desk.next_silence(), Selector(match), "somebody", "", now.wall, ends), now)

        self.world.by_hand(act)

    @rule(select=st.sampled_from(WORKED_ON), seconds=st.sampled_from([5, 60, 600]))
    def planned_work(self, select, seconds):
        now = datetime.fromtimestamp(self.world.clock.now().wall / 1000, UTC)
        window = {"name": "work", "select": select, "begin": now, "end": now + timedelta(seconds=seconds)}
        self._reload_policy([MaintenanceSettings.model_validate(window)])

    def _reload_policy(self, maintenance):
        policy = replace(self.policy, maintenance=maintenance)
        self.world.settings = replace(self.world.settings, policy=policy)
        self.world.reload()

    @invariant()
    def nobody_is_told_of_an_end_without_a_beginning_or_after_it(self):
        for kinds in told(self.world).values():
            assert kinds[0] is NoticeKind.OPENED
            assert kinds.count(NoticeKind.OPENED) == 1
            assert NoticeKind.RESOLVED not in kinds[:-1]

    def _sight_returns(self) -> None:
        if self.lost_at is not None:
            self.world.uplink_up = True
            self.blind.append((self.lost_at, self.world.clock.now().wall))
            self.lost_at = None

    def teardown(self) -> None:
        self._sight_returns()
        self.world.broken_channels = set()
        self._reload_policy([])
        self._let_silences_end()
        self.world.advance(QUIET_S)
        self._states_are_true()
        self._whoever_is_still_down_is_in_an_open_incident()
        self._everybody_was_told_of_what_is_open()
        self._heal_all()
        self._everybody_was_told_the_end()
        self._the_books_are_whole()

    def _states_are_true(self) -> None:
        for id_, track in self.world.pipeline.states.tracks.items():
            truth = self.world.truth(id_)
            if (self.uprooted or id_ in self.unseen) and State.UNREACHABLE in truth:
                truth = {*truth, State.DOWN}
            assert track.state in truth, (id_, track.state)

    def _whoever_is_still_down_is_in_an_open_incident(self) -> None:
        open_alerts = {
            alert.device
            for incident in self.world.pipeline.desk.incidents.values()
            for alert in incident.open_alerts()
        }
        for id_, track in self.world.pipeline.states.tracks.items():
            if track.state is State.DOWN:
                assert id_ in open_alerts

    def _let_silences_end(self) -> None:
        def act(desk, now):
            for silence in list(desk.teller.gate.silences.values()):
                desk.silence(replace(silence, ends=min(silence.ends, now.wall)), now)

        self.world.by_hand(act)

    def _everybody_was_told_of_what_is_open(self) -> None:
        """Repetitions come every minute: whoever missed the first message has heard by then."""
        heard = told(self.world)
        for incident in self.world.pipeline.desk.incidents.values():
            for channel in ("sms", "wecom"):
                assert heard[channel, incident.id], (channel, incident)

    def _heal_all(self) -> None:
        self.world.plug(*DEVICES)
        self.world.advance(QUIET_S + 300)  # flapping calms down

    def _everybody_was_told_the_end(self) -> None:
        assert not self.world.pipeline.desk.incidents
        for key, kinds in told(self.world).items():
            assert kinds[-1] is NoticeKind.RESOLVED, key

    def _the_books_are_whole(self) -> None:
        db = self.world.db
        assert db.execute("SELECT count(*) FROM incident WHERE resolved IS NULL").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM outbox WHERE state = 'pending'").fetchone() == (0,)
        accepted = db.execute("SELECT count(*) FROM outbox").fetchone()[0]
        assert accepted == len(self.world.sent)
        assert len({entry.id for entry in self.world.sent}) == len(self.world.sent)
        changes = defaultdict(list)
        for device, at, state in db.execute("SELECT device, at, state FROM state_change ORDER BY rowid"):
            changes[device].append((at, state))
        for device, found in changes.items():
            assert [at for at, _ in found] == sorted(at for at, _ in found), device
            for (_, before), (_, after) in pairwise(found):
                assert before != after or after == "unknown", device
            for at, state in found:
                if state in ("down", "unreachable"):
                    assert not any(begin + 1000 < at < end for begin, end in self.blind), (device, state)
        for (notice,) in db.execute("SELECT notice FROM outbox"):
            found = json.loads(notice)  # several devices that share no place have no name but "whole network"
            assert found["subject"] or found["cause"] == "devices_down", found


Fleet.TestCase.settings = settings(
    max_examples=90, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPromises = Fleet.TestCase


@pytest.mark.long
class TestPromisesAtLength(Fleet.TestCase):
    settings = settings(Fleet.TestCase.settings, max_examples=10_000, stateful_step_count=50)


def test_what_was_back_for_a_moment_that_nobody_could_see_stays_down():
    """A sequence that the long run found: the machine's oracle wanted it to be unreachable."""
    state = Fleet()
    state.unplug("sw0.1")
    state.time_passes(30)
    state.plug("sw0.1")
    state.unplug("core0")
    state.time_passes(30)
    assert state.world.pipeline.states.state(DeviceId("sw0.1"))[0] is State.DOWN
    state.teardown()


def test_a_device_that_left_and_came_back_is_measured_anew():
    world = town()
    kept = list(world.devices.values())
    world.reload([d for d in kept if d.id != "cam0.1.3"])
    world.advance(30)
    world.reload(kept)
    world.advance(30)
    assert world.pipeline.states.state(DeviceId("cam0.1.3"))[0] is State.UP
    spans = world.db.execute(
        "SELECT until IS NULL FROM membership WHERE device='cam0.1.3' ORDER BY since"
    ).fetchall()
    assert spans == [(0,), (1,)]
