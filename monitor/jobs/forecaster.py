"""Has the month's forecasts computed for the rules that want them, outside the daemon's own process."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from monitor.books import forecast_worker
from monitor.books.forecast import Forecast
from monitor.books.period import Length, period_of
from monitor.core import Core
from monitor.rules.month_forecast import MonthForecastRule

log = structlog.get_logger(room="forecast")

_EVERY_S = 900.0
_PATIENCE_S = 120.0


class Forecaster:
    """One task of the daemon. Rules that are added by a reload are seen at the next turn."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(self) -> None:
        while True:
            for rule in self._core.pipeline.book.forecasters:
                await self.forecast(rule)
            await asyncio.sleep(_EVERY_S)

    async def forecast(self, rule: MonthForecastRule) -> None:
        """Compute, and let the rule see it. A worker that fails is logged; the rule keeps what it holds."""
        core = self._core
        now_s, zone = core.clock.now().wall // 1000, core.config.daemon.zone
        found = await self._ask(rule, now_s)
        if found is not None:
            today = datetime.fromtimestamp(now_s, UTC).astimezone(zone).date()
            passed = now_s - period_of(Length.MONTH, today, zone).since
            step = core.pipeline.on_forecasts(rule.settings.name, found, passed, core.clock.now())
            core.carry(step)

    async def _ask(self, rule: MonthForecastRule, now_s: int) -> dict[str, Forecast] | None:
        config = self._core.config
        process = await asyncio.create_subprocess_exec(
            *forecast_worker.arguments(
                self._core.ledger.path,
                config.daemon.timezone,
                now_s,
                rule.settings.group_by,
                rule.line_bp,
                config.contract.unmeasured,
            ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_PATIENCE_S):
                output, errors = await process.communicate()
        except TimeoutError:
            log.warning("no forecast in time", rule=rule.settings.name, patience_s=_PATIENCE_S)
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            log.warning("no forecast", rule=rule.settings.name, error=errors.decode(errors="replace")[-300:])
            return None
        return forecast_worker.parse(output)
