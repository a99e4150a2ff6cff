"""How long the reports of a month of 20,000 cameras with 200,000 changes of state take.

``python -m bench.report --json [--cameras N] [--changes N] [--keep FOLDER]`` prints one object: seconds for
the statement's figures and its HTML, seconds for all five reports with PDF and workbooks, the largest memory.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from monitor.books.period import Length, period_of
from monitor.books.settings import Terms
from monitor.model import Device, DeviceId, Kind, Reason, State, WallMs
from monitor.reports.build import Order, make
from monitor.reports.kinds import Format, ReportKind
from monitor.storage.ledger import commit, connect
from monitor.storage.ledger.records import DeviceJoined, Record, RunAlive, RunStarted, StateChanged
from monitor.storage.ledger.schema import migrate
from monitor.words import Language, words

ZONE = ZoneInfo("Asia/Shanghai")
PERIOD = period_of(Length.MONTH, date(2026, 6, 1), ZONE)
MODELS = (("海康威视", "DS-2CD3T46"), ("大华", "DH-IPC-HFW4433"), ("宇视", "IPC-B2A5"))
REASONS = (Reason.TIMEOUT, Reason.TIMEOUT, Reason.TIMEOUT, Reason.UNREACHABLE, Reason.NO_VIDEO, Reason.AUTH)


def fill(path: Path, cameras: int, changes: int, seed: int = 9) -> sqlite3.Connection:
    """A ledger of a month, written by the daemon's own records."""
    rng = random.Random(seed)
    db = connect(path)
    migrate(db)
    begin, end = WallMs((PERIOD.since - 86_400) * 1000), WallMs((PERIOD.until + 3600) * 1000)
    commit(db, [RunStarted(1, begin, "bench"), RunAlive(1, end)])
    commit(db, [record for n in range(cameras) for record in _camera(n, begin)])
    rows = sorted(_faults(rng, cameras, changes // 2), key=lambda row: row.at)
    commit(db, rows)
    return db


def _camera(n: int, begin: WallMs) -> Iterator[Record]:
    vendor, model = MODELS[n % 7 % 3]
    id_ = DeviceId(f"3402000000132{n:07d}")
    yield DeviceJoined(
        Device(
            id_, f"{n // 40}号路口枪机{n % 40}", Kind.CAMERA, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
            f"{n // 40}号路口", f"{n // 1000 + 1}号派出所", n // 40 % 25 == 0, vendor=vendor, model=model,
            feeder=f"{n // 40}号馈线",
        ),
        begin,
    )  # fmt: skip
    yield StateChanged(id_, begin, State.UP, Reason.OK)


def _faults(rng: random.Random, cameras: int, faults: int) -> Iterator[StateChanged]:
    """Most are short; some cameras are worse than others; nights are worse than days."""
    free = [PERIOD.since] * cameras
    for _ in range(faults):
        n = min(int(rng.random() ** 2 * cameras), cameras - 1)
        at = free[n] + int(rng.expovariate(1 / 200_000))
        length = int(rng.expovariate(1 / 1500)) + 20 if rng.random() < 0.9 else rng.randrange(3600, 80_000)
        if at + length >= PERIOD.until:
            continue
        free[n] = at + length
        id_ = DeviceId(f"3402000000132{n:07d}")
        yield StateChanged(id_, WallMs(at * 1000), State.DOWN, rng.choice(REASONS))
        yield StateChanged(id_, WallMs((at + length) * 1000), State.UP, Reason.OK)


def run(
    db: sqlite3.Connection, folder: Path, kinds: tuple[ReportKind, ...], formats: tuple[Format, ...]
) -> tuple[float, float]:
    """Seconds of the wall clock, and of computing: they differ on a busy machine."""
    order = Order(Length.MONTH, PERIOD, kinds, formats, folder)
    begun, computed = time.perf_counter(), time.process_time()
    list(make(db, order, Terms(), words(Language.ZH_CN), PERIOD.until + 3600))
    return time.perf_counter() - begun, time.process_time() - computed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object (the only output there is)"
    )
    parser.add_argument("--cameras", type=int, default=20_000)
    parser.add_argument("--changes", type=int, default=200_000)
    parser.add_argument("--keep", type=Path, help="leave the reports in this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.keep or Path(name)
        db = fill(Path(name) / "ledger.db", arguments.cameras, arguments.changes)
        (changes,) = db.execute("SELECT count(*) FROM state_change").fetchone()
        statement_s, statement_cpu_s = run(db, folder, (ReportKind.STATEMENT,), (Format.HTML,))
        statement_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        pdf_s, pdf_cpu_s = run(db, folder, (ReportKind.STATEMENT,), (Format.PDF,))
        all_s, all_cpu_s = run(db, folder, tuple(ReportKind), tuple(Format))
        db.close()
    figures = {
        "cameras": arguments.cameras,
        "changes": changes,
        "statement_s": round(statement_s, 2),
        "statement_cpu_s": round(statement_cpu_s, 2),
        "statement_max_mb": statement_mb,
        "statement_pdf_s": round(pdf_s, 2),
        "statement_pdf_cpu_s": round(pdf_cpu_s, 2),
        "five_reports_all_formats_s": round(all_s, 2),
        "five_reports_all_formats_cpu_s": round(all_cpu_s, 2),
        "max_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
