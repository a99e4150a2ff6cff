"""Simulated cameras answer pings while they are plugged in, in a network of their own."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.model import Reason
from monitor.simulate import netns
from monitor.simulate.icmp_responder import IcmpResponder
from tests.icmp_support import collect, collector, many, network, targets


@pytest.fixture
def private_network() -> Iterator[None]:
    with network():
        netns.set_up()
        yield


@pytest.mark.usefixtures("private_network")
async def test_plugged_in_cameras_answer_and_the_others_do_not() -> None:
    responder = IcmpResponder(random.Random(1))
    responder.unplug(["127.0.0.5", "127.0.3.7"])
    await responder.start()
    aims = targets(*many("127.0", 2000))
    try:
        async with collector(echoes=1, timeout="1s") as icmp:
            results = await collect(icmp, aims)
            assert {result.device.split("@")[1] for result in results if not result.ok} == {
                "127.0.0.5",
                "127.0.3.7",
            }
            responder.plug(["127.0.0.5"])
            responder.unplug(["127.0.0.1"])
            results = await collect(icmp, aims[:10])
            assert [result.ok for result in results] == [False] + [True] * 9
    finally:
        await responder.stop()


@pytest.mark.usefixtures("private_network")
async def test_delay_and_loss_can_be_added() -> None:
    responder = IcmpResponder(random.Random(1), delay_s=0.03, loss=0.5)
    await responder.start()
    try:
        async with collector(echoes=1, timeout="1s") as icmp:
            results = await collect(icmp, targets(*many("127.0", 400)))
    finally:
        await responder.stop()
    found = Counter(result.reason for result in results)
    assert 100 < found[Reason.TIMEOUT] < 300
    assert all(float(result.readings[0].value) >= 30 for result in results if result.ok)


async def test_it_refuses_to_work_beside_a_kernel_that_answers_itself() -> None:
    with network(), pytest.raises(RuntimeError, match="the kernel answers pings here"):
        await IcmpResponder(random.Random(1)).start()


@pytest.mark.usefixtures("private_network")
async def test_as_a_program_it_takes_commands_and_ends_with_its_input() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor.simulate.icmp_responder",
        cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        async with collector(echoes=1, timeout="20s") as icmp:
            assert (await collect(icmp, targets("127.0.0.9"), within_s=60))[0].ok
        async with collector(echoes=1, timeout="300ms") as icmp:
            process.stdin.write(b"- 127.0.0.9 127.0.0.8\n")
            for _ in range(100):
                (result,) = await collect(icmp, targets("127.0.0.9"))
                if not result.ok:
                    break
            assert not result.ok
    finally:
        process.stdin.close()
        assert await process.wait() == 0


ENTER = """
    import os, sys
    sys.path.insert(0, {root!r})
    from monitor.simulate import netns
    before = os.environ.get("BEFORE") or os.environ.setdefault("BEFORE", os.readlink("/proc/self/ns/net"))
    netns.enter()
    assert os.readlink("/proc/self/ns/net") != before
    with open("/proc/net/dev") as devices:
        print(os.getpid(), netns.ECHO_IGNORE.read_text().strip(), "eth" in devices.read(), sys.argv[1:])
"""


def test_a_command_goes_on_inside_with_its_arguments_and_its_pid(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("tried as root here; `make demo` tries it as anybody")
    script = tmp_path / "enter.py"
    script.write_text(textwrap.dedent(ENTER.format(root=str(Path(__file__).parents[1]))))
    process = subprocess.Popen(
        [sys.executable, str(script), "a b", "--c"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    out, err = process.communicate(timeout=90)
    assert err == ""
    assert out == f"{process.pid} 1 False ['a b', '--c']\n"


def test_where_it_is_not_permitted_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "unshare"
    fake.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(netns.NetworkNotPermitted, match="--user --map-root-user --net: unshare failed"):
        netns.enter()
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(netns.NetworkNotPermitted, match="util-linux"):
        netns.enter()


def test_an_unshare_that_does_nothing_leaves_the_machine_s_network_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Set-up would stop the whole machine from answering pings."""
    with network():
        mark = f"{os.getpid()} {os.readlink('/proc/self/ns/net')}"
        monkeypatch.setenv("CAMWATCH_NETNS", mark)
        with pytest.raises(netns.NetworkNotPermitted, match="left us in the machine's network"):
            netns.enter()
        assert netns.ECHO_IGNORE.read_text().strip() == "0"
