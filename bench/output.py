"""How every benchmark prints what it found."""

from __future__ import annotations

import json
from collections.abc import Mapping


def show(found: Mapping[str, object], as_json: bool) -> None:
    """``--json``: one JSON object on one line, and nothing else; otherwise the same to be read by people."""
    print(json.dumps(found, ensure_ascii=False, indent=None if as_json else 2))
