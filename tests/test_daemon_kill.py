"""``kill -9`` at any instant: nothing accepted is lost, at most one duplicate, no span torn."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from monitor.simulate.phone import Phone
from tests.daemon_support import KEY, House, messages, open_incidents, spans_are_whole
from tests.street_support import Street, camera, config


def accepted_so_far(house: House) -> int:
    with house.books() as db:
        return len(messages(db))


async def storm(folder: Path, street: Street, phone: Phone, *, kills: int, busy_s: float, seed: int) -> None:
    """Cameras come and go while the daemon is killed, after ``busy_s`` on average; then everything heals, and
    the books are compared with what the phone got."""
    rng = random.Random(seed)
    house = House(folder, {KEY: phone.key})
    # No pause between messages, and an incident for each camera: as much traffic as there can be.
    text = config(street, phone, level="error")
    pace = 'group_by = ["id"]\ngroup_interval = "1s"\ngroup_wait'
    text = text.replace('group_by = ["area"]\ngroup_wait', pace)
    text = text.replace('interval = "1s"\ntimeout', 'interval = "500ms"\ntimeout')
    house.furnish(street.devices, text)
    cameras = [camera(street, n).address for n in range(16)]
    down: set[str] = set()
    for left in reversed(range(kills)):
        async with house.running():
            if not left or rng.random() < 0.8:  # else perhaps in the middle of its start
                await house.until(lambda s: s["states"].get("up", 0) > 0)
            end = asyncio.get_running_loop().time() + rng.expovariate(1 / busy_s)
            # On a slow machine no camera may have been found to be down in all that time.
            while asyncio.get_running_loop().time() < end or not (left or accepted_so_far(house)):
                address = rng.choice(cameras)
                if address in down:
                    street.plug([address])
                else:
                    street.unplug([address])
                down ^= {address}
                await asyncio.sleep(rng.uniform(0.05, 0.4))
            assert house.process is not None and house.process.returncode is None, house.log()
            await house.end(signal.SIGKILL)
    street.plug(down)
    async with house.running():
        await house.all_measured()
        await house.until(
            lambda s: (
                not s["offline"] and not s["incidents"] and not any(lane["waiting"] for lane in s["outbox"])
            ),
            patience_s=600,  # what came and went again and again ends after five calm minutes
        )
        await house.all_delivered()
        assert await house.stop() == 0
    with house.books() as db:
        spans_are_whole(db)
        accepted = messages(db)
        assert {state for _, state, _, _ in accepted} <= {"delivered"}
        # Whoever was told that something broke was told that it ended.
        ended = {incident for _, _, incident, kind in accepted if kind == "resolved"}
        assert {incident for _, _, incident, _ in accepted} == ended
        assert open_incidents(db) == []
        assert kills // 2 < db.execute("SELECT count(*) FROM run").fetchone()[0] <= kills + 1
        (of_all_sorts,) = db.execute("SELECT count(*) FROM outbox").fetchone()
    assert accepted, "the storm made no message: it proves nothing"
    arrived = Counter(message.text for message in phone.received)
    # Texts name their incident and kind, and so tell messages apart.
    assert len(arrived) >= len({(incident, kind) for _, _, incident, kind in accepted})
    assert len(phone.received) >= len(accepted)
    assert len(phone.received) - of_all_sorts <= kills


async def test_kill_9_loses_no_message_and_tears_no_span(
    tmp_path: Path, street: Street, phone: Phone
) -> None:
    await storm(tmp_path, street, phone, kills=3, busy_s=0.8, seed=1)


@pytest.mark.long
async def test_two_hundred_times_kill_9(tmp_path: Path, street: Street, phone: Phone) -> None:
    await storm(tmp_path, street, phone, kills=200, busy_s=1.5, seed=2)
