"""What a sound configuration comes to, and that an unsound one never does."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.check import check
from monitor.collectors import COLLECTORS
from monitor.config import ConfigError, LogFormat, daemon_settings, load
from monitor.model import Kind
from monitor.notifiers.settings import open_channel
from monitor.rules.online_rate import OnlineRateSettings
from monitor.storage.settings import InfluxSettings, NullSinkSettings
from monitor.words import Language
from tests.config_support import DEVICE, loaded, refused, written

MAIL = """
[channel.mail]
url = "mailto://127.0.0.1?to=oncall@example.com"
[receiver.duty]
channels = ["mail"]
[[route]]
receiver = "duty"
"""


def test_one_device_is_configuration_enough(tmp_path: Path) -> None:
    config = loaded(tmp_path, DEVICE)
    assert config.daemon.language is Language.ZH_CN
    assert config.daemon.timezone == "Asia/Shanghai"
    assert config.states.confirm == 3
    assert config.states.recover == 2
    assert config.checks["icmp"].interval == 30.0
    assert config.sink == NullSinkSettings()
    assert set(config.kinds) == set(Kind)
    assert config.warnings == ()


def test_every_section_arrives_typed(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        DEVICE + MAIL + """
[daemon]
language = "en"
[daemon.log]
format = "json"
[states]
recheck = "500ms"
[checks.icmp]
interval = "10s"
[kind.switch]
checks = ["icmp"]
[sink]
type = "influxdb"
url = "http://127.0.0.1:8086"
[[rule]]
name = "online"
type = "online_rate"
below = 96
for = "1m"
select = { kind = "camera" }
""",
    )  # fmt: skip
    assert config.daemon.log.format is LogFormat.JSON
    assert config.states.recheck == 0.5
    assert config.checks["icmp"].interval == 10.0
    assert isinstance(config.sink, InfluxSettings)
    (rule,) = config.rules
    assert isinstance(rule, OnlineRateSettings)
    assert (rule.below, rule.for_) == (96, 60.0)
    assert [route.receiver for route in config.policy.routes] == ["duty"]
    assert config.policy.receivers["duty"] == ("mail",)
    assert list(config.channels) == ["mail"]


def test_includes_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    rule = '[[rule]]\nname = "{}"\ntype = "online_rate"\nbelow = 96\n'
    config = loaded(
        tmp_path,
        'include = ["r*.toml", "r1.toml"]\n' + DEVICE + MAIL + rule.format("main"),
        r2_toml=rule.format("second"),
        r1_toml=rule.format("first"),
    )
    assert [rule.name for rule in config.rules] == ["main", "first", "second"]
    assert [file.name for file in config.files] == ["camwatch.toml", "r1.toml", "r2.toml"]


def test_relative_names_start_from_the_file_they_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not from wherever the daemon was started."""
    (tmp_path / "channels.d").mkdir()
    (tmp_path / "channels.d" / "key").write_text("sesame\n")
    (tmp_path / "channels.d" / "wecom.toml").write_text(
        '[channel.wecom]\nurl = "wecombot://{key}"\nsecrets = { key = { file = "key" } }\n'
        '[receiver.duty]\nchannels = ["wecom"]\n[[route]]\nreceiver = "duty"\n'
    )
    (tmp_path / "list.csv").write_text("id,name,address\nC1,Gate,10.0.0.1\n")
    path = written(
        tmp_path,
        'include = ["channels.d/*.toml"]\ninventory = ["list.csv"]\n[daemon]\nstate_dir = "state"\n',
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = load(Path("..") / path.name)
    assert config.daemon.state_dir.resolve() == tmp_path / "state"
    assert list(config.inventory.devices) == ["C1"]
    (secret,) = open_channel("wecom", config.channels["wecom"]).secrets
    assert secret.reveal() == "sesame"


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path: Path) -> None:
    path = tmp_path / "camwatch.toml"
    path.write_bytes(b"\xef\xbb\xbf" + DEVICE.replace("\n", "\r\n").encode())
    assert len(load(path).inventory) == 1


def test_a_file_that_is_not_there_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    (problem,) = check(tmp_path / "none.toml")
    assert problem.message == "cannot be read: No such file or directory"
    assert check(tmp_path)[0].message == "cannot be read: Is a directory"


def test_the_daemon_is_found_without_reading_secrets_or_inventory(tmp_path: Path) -> None:
    """`camwatch status` runs as somebody who may read neither."""
    path = written(
        tmp_path,
        'inventory = ["none.csv"]\n[daemon]\nrun_dir = "/run/here"\n'
        '[channel.x]\nurl = "wecombot://{key}"\nsecrets = { key = { env = "CAMWATCH_TEST_KEY" } }\n',
    )
    refused(path)
    assert daemon_settings(path).control_socket == Path("/run/here/control.sock")


def test_a_secret_that_cannot_be_read_stops_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel must not be found dumb when it is needed."""
    path = written(
        tmp_path,
        DEVICE + '[channel.x]\nurl = "wecombot://{key}"\nsecrets = { key = { env = "CAMWATCH_TEST_KEY" } }\n'
        '[receiver.duty]\nchannels = ["x"]\n[[route]]\nreceiver = "duty"\n',
    )
    monkeypatch.delenv("CAMWATCH_TEST_KEY", raising=False)
    (problem,) = refused(path)
    assert problem.path == "channel.x.secrets.key"
    monkeypatch.setenv("CAMWATCH_TEST_KEY", "sesame")
    assert "sesame" not in repr(load(path))


def test_a_selector_that_matches_no_device_is_a_warning(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        DEVICE + MAIL + '[[rule]]\nname = "a"\ntype = "online_rate"\nbelow = 96\n'
        'select = { kind = "camera", site = "Gaet" }\n',
    )
    (warning,) = config.warnings
    assert (warning.path, warning.message) == (
        "rule[1].select",
        'no device of the inventory is selected; none has site = "Gaet"',
    )


def test_checks_of_a_kind_are_those_of_its_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COLLECTORS, "ping", COLLECTORS["icmp"])
    config = loaded(
        tmp_path,
        DEVICE + '[kind.camera]\nchecks = ["icmp", "ping"]\nliveness = ["ping"]\n'
        '[[device]]\nid = "C2"\nname = "Own"\naddress = "10.0.0.2"\nchecks = ["icmp"]\n',
    )
    first, second = config.inventory.devices.values()
    assert (first.checks, first.liveness) == (("icmp", "ping"), ("ping",))
    assert (second.checks, second.liveness) == (("icmp",), ("icmp",))
    assert set(config.checks) == {"icmp", "ping"}


_KEYS = st.sampled_from(
    ["name", "type", "id", "address", "kind", "tags", "parents", "match", "receiver", "select", "below",
     "for", "url", "secrets", "icmp", "camera", "channels", "log", "uplink", "spool", "token", "confirm"]
)  # fmt: skip
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(
    section=st.sampled_from(
        ["daemon", "states", "checks", "kind", "rule", "route", "receiver", "channel", "sink", "device",
         "site", "inventory", "include"]),
    value=_VALUES,
)  # fmt: skip
def test_no_value_in_any_section_crashes_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, value: object
) -> None:
    """Only ``ConfigError`` ever comes out, whatever TOML could hold there."""

    path = written(tmp_path, DEVICE)
    monkeypatch.setattr(tomli, "loads", lambda _: {section: value})
    try:
        load(path)
    except ConfigError as error:
        assert error.problems
