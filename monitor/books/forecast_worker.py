"""The forecasts of a running month, in a process of their own: reading a month of a large fleet takes
seconds of computing, which the daemon's loop does not have.

``python -m monitor.books.forecast_worker LEDGER ZONE NOW LABEL LINE_BP POLICY`` prints one JSON object: the
value of the label (empty label: one value, empty) → so far, expected, lacking a day.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from zoneinfo import ZoneInfo

from monitor.books.forecast import Forecast, forecasts
from monitor.books.period import Length, period_of
from monitor.books.read import read_records, snapshot
from monitor.books.tally import Fraction, Unmeasured, mask_of
from monitor.books.timeline import segments_of
from monitor.model import Kind
from monitor.storage.ledger import connect


def arguments(path: Path, zone: str, now: int, label: str, line_bp: int, policy: Unmeasured) -> list[str]:
    """The command line of this worker."""
    worker = [sys.executable, "-m", "monitor.books.forecast_worker"]
    return [*worker, str(path), zone, str(now), label, str(line_bp), policy.value]


def parse(output: bytes) -> dict[str, Forecast]:
    return {
        value: Forecast(Fraction(*so_far), Fraction(*expected), lacking)
        for value, (so_far, expected, lacking) in json.loads(output).items()
    }


def main() -> None:
    path, zone_name, now_text, label, line_bp, policy = sys.argv[1:]
    zone, now = ZoneInfo(zone_name), int(now_text)
    month = period_of(Length.MONTH, datetime.fromtimestamp(now, UTC).astimezone(zone).date(), zone)
    with closing(connect(Path(path), read_only=True)) as db, snapshot(db):
        records = read_records(db, month.cut(now))
    everything = segments_of(records)
    cameras = everything.where(mask_of(everything, lambda stretch: stretch.kind is Kind.CAMERA))
    key = attrgetter(label) if label else lambda stretch: ""
    found = forecasts(cameras, month, now, key, int(line_bp), Unmeasured(policy))
    plain = {value: (f.so_far, f.expected, f.lacking_per_day) for value, f in found.items()}
    sys.stdout.write(json.dumps(plain))


if __name__ == "__main__":
    main()
