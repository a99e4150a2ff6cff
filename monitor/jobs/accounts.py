"""Tells once of an account that the devices refuse, however many there are and by whichever check.

The back-off itself is the collectors' (``collectors.credentials``).
"""

from __future__ import annotations

import asyncio

from monitor.core import Core

_LOOK_S = 1.0
_NAME = "credential"


class AccountWatch:
    """One task of the daemon."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(_LOOK_S)

    def look(self) -> None:
        """One alert for an account in trouble. It ends when a device takes the password, or nobody uses the
        account any more; after a restart, not before one of the two is known."""
        core, now = self._core, self._core.clock.now()
        accounts = core.checks.accounts()
        in_trouble = {account.name: account.trouble for account in accounts if account.trouble}
        undecided = {account.name for account in accounts if not account.proven}
        for name in core.pipeline.own_subjects(_NAME):
            if name not in in_trouble and name not in undecided:
                core.pipeline.own_trouble(_NAME, False, now.wall, now, subject=name)
        for name, words in in_trouble.items():
            core.pipeline.own_trouble(_NAME, True, now.wall, now, words, subject=name)
