"""Apprise plugins that nobody can trust: what they say is held against what was seen."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import notify_fakes as fakes
from tests.notify_fakes import Mode, serving

ROOT = Path(__file__).parents[1]
PROGRAM = """
import json, os, sys
import requests
from apprise import NotifyBase
from apprise.decorators import notify
from apprise.plugins import N_MGR
from monitor.notifiers.courier.child import perform
from monitor.notifiers.courier.wire import Op, Order

class Liar(NotifyBase):
    service_name, protocol = "liar", "liar"
    def url(self, *a, **k):
        return "liar://"
    @staticmethod
    def parse_url(url):
        return NotifyBase.parse_url(url, verify_host=False)

N_MGR.load_modules()
N_MGR.add(Liar, force=True)

@notify(on="decorated")
async def decorated(body, title, notify_type, *args, **kwargs):
    return False

for line in sys.stdin:
    scheme, name, method = json.loads(line)
    if os.fork() == 0:
        space = {"requests": requests}
        exec(method, space)
        if name:
            setattr(Liar, name, space[name])
        order = Order(1, Op.SEND, scheme + "://x", secrets=("hunter2",), title="t", body="b", timeout_s=60)
        report = perform(order, 0)
        print(json.dumps([report.outcome, report.code, report.detail]), flush=True)
        os._exit(0)
    os.wait()
"""
Judge = Callable[..., tuple[str, str, str]]


@pytest.fixture(scope="module")
def judged() -> Iterator[Judge]:
    """What the courier's child makes of a plugin with this method, each in a process of its own."""
    server = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert server.stdin is not None and server.stdout is not None
    asked, said = server.stdin, server.stdout

    def judge(method: str = "", scheme: str = "liar") -> tuple[str, str, str]:
        name = method.partition("def ")[2].partition("(")[0]
        asked.write(json.dumps([scheme, name, method]) + "\n")
        asked.flush()
        line = said.readline()
        assert "hunter2" not in line
        outcome, code, detail = json.loads(line)
        return outcome, code, detail

    yield judge
    asked.close()
    # Whatever else was printed or logged would have come out here or as a line that is not JSON.
    assert said.read() == ""
    said.close()
    server.wait()


@pytest.mark.parametrize(("answer", "outcome"), [("True", "delivered"), ("False", "temporary")])
def test_an_async_sender_really_runs(judged: Judge, answer: str, outcome: str) -> None:
    assert judged(f"async def send(self, body, **kwargs):\n    return {answer}")[0] == outcome


def test_an_async_function_made_a_plugin_really_runs(judged: Judge) -> None:
    assert judged(scheme="decorated")[0] == "temporary"


def test_a_yes_after_a_refusal_on_the_wire_is_no_success(judged: Judge) -> None:
    with serving(fakes.plain_hook) as fake:
        send = f"def send(self, body, **kwargs):\n    requests.post('{fake.base}/')\n    return True"
        assert judged(send)[:2] == ("delivered", "200")
        fake.mode = Mode.ERROR_500
        assert judged(send)[:2] == ("temporary", "500")
        fake.forced, fake.mode = (403, {}), Mode.GOOD
        assert judged(send)[:2] == ("permanent", "403")


def test_an_answer_that_does_not_end_is_cut_off(judged: Judge) -> None:
    with serving(fakes.plain_hook) as fake:
        fake.mode = Mode.HUGE
        send = (
            f"def send(self, body, **kwargs):\n    return len(requests.get('{fake.base}').content) == 2**16"
        )
        assert judged(send)[0] == "delivered"


def test_what_a_plugin_prints_logs_or_raises_reaches_nobody_but_its_report_redacted(judged: Judge) -> None:
    outcome, code, detail = judged(
        "def send(self, body, **kwargs):\n    self.logger.error('key hunter2 refused')\n    return False"
    )
    assert (outcome, detail) == ("temporary", "key *** refused")
    outcome, code, detail = judged("def send(self, body, **kwargs):\n    raise ValueError('hunter2')")
    assert (outcome, code, detail) == ("temporary", "exception", "ValueError: ***")


def test_a_truthy_answer_that_is_not_true_is_no_success(judged: Judge) -> None:
    assert judged("def notify(self, **kwargs):\n    return 'yes'")[0] == "temporary"
