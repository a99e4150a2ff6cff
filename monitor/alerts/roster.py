"""The duty roster: who is on call now. A receiver that names a roster is whoever is on duty."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from monitor.alerts.calendar import is_working_day
from monitor.model import WallMs
from monitor.settings import LocalTime, Section, in_zone, known_zone


class OverrideSettings(Section):
    """Somebody stands in: from ``begin`` to ``end``, local time (or with an offset)."""

    begin: datetime
    end: datetime
    member: str = Field(min_length=1)


class RosterSettings(Section):
    """One ``[roster.NAME]``: members take turns, handing over at ``handover``."""

    members: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    """Receivers, in the order of their turns."""
    first_day: date
    """The day on which the first member's first turn begins."""
    turn_days: int = Field(default=7, ge=1, le=366)
    """How many days a turn lasts."""
    handover: LocalTime = time(8, 30)
    """Local time at which the next member takes over."""
    holidays: str = ""
    """A receiver that is on duty on days that are not worked (Chinese calendar); empty: the turn goes on."""
    overrides: tuple[OverrideSettings, ...] = ()
    timezone: str = "Asia/Shanghai"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)

    @model_validator(mode="after")
    def _overrides_do_not_overlap(self) -> Self:
        for override in self.overrides:
            begin, end = self._span(override)
            if end <= begin:
                raise ValueError(f"an override ends at {override.end}, before it begins at {override.begin}")
        for earlier, later in pairwise(sorted(self.overrides, key=self._span)):
            if self._span(later)[0] < self._span(earlier)[1]:
                raise ValueError(
                    f"two overrides overlap: {earlier.member} until {earlier.end}, {later.member} from "
                    f"{later.begin}"
                )
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def _span(self, override: OverrideSettings) -> tuple[datetime, datetime]:
        return in_zone(override.begin, self.zone), in_zone(override.end, self.zone)

    def everybody(self) -> set[str]:
        """All receivers that this roster may name."""
        named = {*self.members, *(o.member for o in self.overrides)}
        return named | {self.holidays} if self.holidays else named

    def on_duty(self, at: WallMs) -> str:
        """The receiver on duty at that moment."""
        local = datetime.fromtimestamp(at / 1000, self.zone)
        for override in self.overrides:
            begin, end = self._span(override)
            if begin <= local < end:
                return override.member
        # Before the hand-over the day still belongs to yesterday's turn.
        day = local.date() if local.time() >= self.handover else local.date() - timedelta(days=1)
        if self.holidays and not is_working_day(day):
            return self.holidays
        turn = (day - self.first_day).days // self.turn_days
        return self.members[turn % len(self.members)]

    def turns(self, at: WallMs, days: int) -> list[Turn]:
        """Who is on duty now, and who takes over when, in the days to come."""
        first = datetime.fromtimestamp(at / 1000, self.zone).date()
        moments = {WallMs(at)}
        for ahead in range(days + 1):
            day = first + timedelta(days=ahead)
            moments.add(_ms(datetime.combine(day, self.handover, self.zone)))
        for override in self.overrides:
            moments.update(map(_ms, self._span(override)))
        turns: list[Turn] = []
        for moment in sorted(m for m in moments if at <= m <= at + days * 86_400_000):
            member = self.on_duty(moment)
            if not turns or turns[-1].member != member:
                turns.append(Turn(member, moment))
        return turns


class Turn(NamedTuple):
    """From ``begins`` on this receiver is on duty."""

    member: str
    begins: WallMs


def _ms(moment: datetime) -> WallMs:
    return WallMs(int(moment.timestamp() * 1000))
