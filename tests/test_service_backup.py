"""What was saved comes back whole, or not at all; an older ledger goes on, a newer one is refused."""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.backup import BackupError, make, read_manifest, restore
from monitor.cli import main
from monitor.config.layout import layout
from monitor.model import WallMs
from monitor.resume import resume
from monitor.statedir import holding
from monitor.storage.ledger import Ledger, LedgerTooNew, commit, connect
from monitor.storage.ledger.records import RunStarted
from monitor.storage.ledger.schema import STEPS, VERSION
from monitor.storage.spool import Spool

MADE = "2026-11-21T22:45:00+00:00"
CONFIG = """\
include = ["rules.d/*.toml"]
inventory = ["cameras.csv"]
[daemon]
state_dir = "state"
run_dir = "run"
uplink = { references = ["127.0.0.1"] }
[sink]
type = "influxdb"
url = "http://127.0.0.1:9"
token = { file = "token" }
[sink.spool]
path = "spool"
[checks.snmp]
profiles = ["profiles"]
"""


def house(folder: Path) -> Path:
    """An installation with a ledger, a spool with one batch, includes, a list, and a secret in a file."""
    (folder / "rules.d").mkdir(parents=True)
    (folder / "profiles").mkdir()
    (folder / "profiles" / "mine.toml").write_text("# a profile\n")
    (folder / "rules.d" / "one.toml").write_text("")
    (folder / "cameras.csv").write_text("id,name,address\nc,c,127.0.0.1\n")
    (folder / "token").write_text("TOPSECRET")
    config = folder / "camwatch.toml"
    config.write_text(CONFIG)
    ledger = Ledger(folder / "state" / "ledger.db")
    commit(ledger.db, [RunStarted(1, WallMs(5), "0.1.0")])
    ledger.db.close()
    spool = Spool(folder / "spool", 1 << 24, 1 << 40)
    spool.open()
    spool.append(b"m f=1 1", 1, 1)
    spool.close()
    return config


def test_everything_but_secrets_is_saved_and_comes_back(tmp_path: Path) -> None:
    config = house(tmp_path / "here")
    target = make(layout(config), tmp_path / "backups", MADE)
    assert target.name == "camwatch-20261121T224500Z.tar"
    assert target.stat().st_mode & 0o777 == 0o600 and target.parent.stat().st_mode & 0o777 == 0o700
    assert b"TOPSECRET" not in target.read_bytes()

    new = tmp_path / "new machine"
    new.mkdir()
    restore(target, new, replace=False)
    back = new / config.parent.relative_to("/")
    for name in ("camwatch.toml", "cameras.csv", "rules.d/one.toml", "profiles/mine.toml"):
        assert (back / name).read_bytes() == (config.parent / name).read_bytes()
    assert not (back / "token").exists()
    with closing(connect(back / "state" / "ledger.db")) as db:
        assert db.execute("SELECT started, version FROM run").fetchall() == [(5, "0.1.0")]
    spool = Spool(back / "spool", 1 << 24, 1 << 40)
    spool.open()
    oldest = spool.oldest()
    assert oldest is not None and oldest.body == b"m f=1 1"
    spool.close()


def test_a_ledger_is_saved_whole_while_it_is_written(tmp_path: Path) -> None:
    """Records that stand only in the write-ahead log are in the backup, torn transactions are not."""
    config = house(tmp_path / "here")
    with closing(connect(tmp_path / "here" / "state" / "ledger.db")) as writer:
        commit(writer, [RunStarted(n, WallMs(n), "x") for n in range(2, 500)])
        assert (tmp_path / "here" / "state" / "ledger.db-wal").stat().st_size > 0
        target = make(layout(config), tmp_path / "backups", MADE)
    new = tmp_path / "new"
    new.mkdir()
    restore(target, new, replace=False)
    with closing(sqlite3.connect(new / str(tmp_path)[1:] / "here/state/ledger.db")) as db:
        assert db.execute("SELECT count(*) FROM run").fetchone() == (499,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_one_changed_byte_is_found_before_anything_is_written(tmp_path: Path) -> None:
    config = house(tmp_path / "here")
    target = make(layout(config), tmp_path / "backups", MADE)
    with tarfile.open(target) as tar:
        places = [(m.offset_data, m.size) for m in tar.getmembers()[1:] if m.size]
    whole = target.read_bytes()
    for place, size in places:
        at = place + size // 2
        target.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(BackupError, match="checksum"):
            restore(target, tmp_path / "new", replace=False)
    target.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackupError):
        read_manifest(target)
    assert not (tmp_path / "new").exists()


def test_files_in_the_way_are_kept_beside(tmp_path: Path) -> None:
    config = house(tmp_path / "here")
    target = make(layout(config), tmp_path / "backups", MADE)
    with pytest.raises(BackupError, match="--replace"):
        restore(target, Path("/"), replace=False)
    config.write_text("# spoilt")
    restore(target, Path("/"), replace=True)
    assert config.read_text() == CONFIG
    assert (config.parent / "camwatch.toml.before-restore").read_text() == "# spoilt"


def test_a_restored_file_may_be_read_by_whoever_may_read_its_folder(tmp_path: Path) -> None:
    """As install-service leaves it: the configuration is root's, the service reads it by its group."""
    config = house(tmp_path / "here")
    target = make(layout(config), tmp_path / "backups", MADE)
    folder = tmp_path / "there" / config.parent.relative_to("/")
    (folder / "state").mkdir(parents=True, mode=0o700)
    folder.chmod(0o750)
    restore(target, tmp_path / "there", replace=False)
    assert oct((folder / "camwatch.toml").stat().st_mode & 0o777) == "0o640"
    assert oct((folder / "state" / "ledger.db").stat().st_mode & 0o777) == "0o600"


def test_nothing_is_restored_under_a_daemon_that_runs_wherever_its_folders_are(tmp_path: Path) -> None:
    config = house(tmp_path / "here")
    target = make(layout(config), tmp_path / "backups", MADE)
    before = config.stat()

    def restored() -> tuple[int, str]:
        done = CliRunner().invoke(main, ["restore", "--replace", str(target)])
        return done.exit_code, done.output

    with holding(tmp_path / "here" / "state"):
        status, said = restored()
        assert status == 1 and "stop it first" in said
        refused = CliRunner().invoke(main, ["run", "-c", str(runnable(config))])
        assert refused.exit_code == 1 and "another camwatch is running" in refused.output
    # The configuration that would be replaced keeps its books elsewhere by now.
    moved = CONFIG.replace('state_dir = "state"', f'state_dir = "{tmp_path / "elsewhere"}"')
    config.write_text(moved)
    with holding(tmp_path / "elsewhere"):
        status, said = restored()
        assert status == 1 and "elsewhere" in said
    assert config.stat().st_ino == before.st_ino
    status, said = restored()
    assert status == 0, said
    assert config.read_text() == CONFIG


def runnable(config: Path) -> Path:
    """The same installation without what the test leaves out: secrets and a sink."""
    other = config.with_name("runnable.toml")
    other.write_text(CONFIG.partition("[sink]")[0].replace('include = ["rules.d/*.toml"]\n', ""))
    return other


def test_a_backup_cannot_write_outside_its_root(tmp_path: Path) -> None:
    config = house(tmp_path / "here")
    target = make(layout(config), tmp_path / "backups", MADE)
    evil = target.read_bytes().replace(b'/here/camwatch.toml"', b'/../amwatch.toml"', 1)
    target.write_bytes(evil)
    with pytest.raises(BackupError):
        read_manifest(target)


def test_a_backup_of_a_newer_camwatch_is_refused(tmp_path: Path) -> None:
    config = house(tmp_path / "here")
    with closing(connect(tmp_path / "here" / "state" / "ledger.db")) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    target = make(layout(config), tmp_path / "backups", MADE)
    with pytest.raises(LedgerTooNew, match=f"versions up to {VERSION}"):
        restore(target, tmp_path, replace=True)
    refused = CliRunner().invoke(main, ["restore", str(target)])
    assert refused.exit_code == 1 and "install that version first" in refused.output
    again = CliRunner().invoke(main, ["backup", "-c", str(config), "--to", str(tmp_path / "more")])
    assert again.exit_code == 0 and "only a newer Camwatch can restore it" in again.output


def test_a_file_that_is_no_backup_is_named_as_such(tmp_path: Path) -> None:
    other = tmp_path / "other.tar"
    other.write_text("text\n")
    refused = CliRunner().invoke(main, ["restore", str(other)])
    assert refused.exit_code == 1 and "is not a backup of Camwatch" in refused.output


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    config = house(tmp_path / "here")
    for day in range(1, 6):
        make(layout(config), tmp_path / "backups", f"2026-11-0{day}T00:00:00+00:00")
    done = CliRunner().invoke(
        main, ["backup", "-c", str(config), "--to", str(tmp_path / "backups"), "--keep", "2"]
    )
    assert done.exit_code == 0 and "4 old backups removed" in done.output, done.output
    left = sorted(p.name for p in (tmp_path / "backups").iterdir())
    assert len(left) == 2 and left[0] == "camwatch-20261105T000000Z.tar"


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_ledger_of_each_earlier_schema_goes_on(tmp_path: Path, version: int) -> None:
    """Made by the steps of that time, filled as it was then, then opened by the Camwatch of today."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for step in STEPS[:version]:
            db.executescript(step)
        db.execute(f"PRAGMA user_version={version}")
        db.execute("INSERT INTO run VALUES (7, 100, 200, 0, '0.0.9')")
        db.execute(
            "INSERT INTO membership (device, since, name, kind, address, site, area, key_site, vendor, model,"
            " feeder) VALUES ('c', 100, 'n', 'camera', '10.0.0.1', 's', 'a', 1, '', '', '')"
        )
        db.execute("INSERT INTO state_change VALUES ('c', 150, 'down', 'timeout', '', NULL)")
        db.execute(
            "INSERT INTO incident (id, opened, since, cause, severity, subject, place, grouping, receivers,"
            " acked_by) VALUES (3, 150, 150, 'device_down', 20, 'n', 's', '[]', '[\"duty\"]', '')"
        )
        db.execute(
            "INSERT INTO outbox (id, incident, channel, kind, notice, created) VALUES (9, 3, 'sms', 'opened',"
            ' \'{"kind":"opened","severity":20,"cause":"device_down","subject":"n","at":150}\', 150)'
        )
    ledger = Ledger(path)
    assert ledger.db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    saved = resume(ledger.db)
    assert saved.next_run == 8 and saved.past.alive == 200
    assert [incident.id for incident in saved.past.incidents] == [3]
    assert set(saved.past.incidents[0].told) == {"sms"}
    assert [entry.id for entry in saved.pending] == [9]
    ledger.db.close()


def test_an_older_camwatch_leaves_a_newer_ledger_alone(tmp_path: Path) -> None:
    config = house(tmp_path / "here")
    path = tmp_path / "here" / "state" / "ledger.db"
    with closing(connect(path)) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(LedgerTooNew):
        Ledger(path)
    (config.parent / "camwatch.toml").write_text(
        CONFIG.partition("[sink]")[0] + '[checks.icmp]\ninterval = "1s"\n'
    )
    done = CliRunner().invoke(main, ["run", "-c", str(config)])
    assert done.exit_code == 78 and "run the newer Camwatch again" in done.output
    assert path.read_bytes() == before
