"""What simulated agents let be written: the power of PoE ports, and nothing else.

As strict as RFC 3416 section 4.2.5 asks: all bindings are looked at before one is set, and the first that is
wrong is named. A community that is not known gets no answer at all (RFC 3584 section 5.2.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.messages import ErrorStatus
from monitor.simulate.snmprec import Walk

POWER = ber.oid("1.3.6.1.2.1.105.1.1.1.3")
"""pethPsePortAdminEnable (RFC 3621), a TruthValue."""
_TRUTH = (1, 2)
_V1 = {
    ErrorStatus.WRONG_TYPE: ErrorStatus.BAD_VALUE,
    ErrorStatus.WRONG_VALUE: ErrorStatus.BAD_VALUE,
    ErrorStatus.NO_ACCESS: ErrorStatus.NO_SUCH_NAME,
    ErrorStatus.NOT_WRITABLE: ErrorStatus.NO_SUCH_NAME,
    ErrorStatus.NO_CREATION: ErrorStatus.NO_SUCH_NAME,
    ErrorStatus.AUTHORIZATION_ERROR: ErrorStatus.NO_SUCH_NAME,
}
"""RFC 3584 section 4.4."""


class Set(NamedTuple):
    """One SET that was carried out."""

    agent: str
    port: str
    """``group.port``"""
    on: bool


def _nobody(done: Set) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class Writes:
    """Who may write, and what was written, in order."""

    community: bytes
    on_set: Callable[[Set], None] = _nobody
    """Called after each."""
    refuse: ErrorStatus | None = None
    """Every SET of the right community is refused so."""
    asked: int = 0
    """SETs that reached an agent, whatever came of them."""
    done: list[Set] = field(default_factory=list)

    def judge(self, walk: Walk, v1: bool, community: bytes, bindings: ber.VarBinds) -> tuple[int, int]:
        """Error status and index; 0 and 0 when all may be set."""
        self.asked += 1
        for index, (name, tag, raw) in enumerate(zip(*bindings, strict=True), 1):
            status = self._verdict(walk, community, name, tag, raw)
            if status is not None:
                return int(_V1.get(status, status) if v1 else status), index
        return 0, 0

    def _verdict(self, walk: Walk, community: bytes, name: bytes, tag: int, raw: bytes) -> ErrorStatus | None:
        if community != self.community:
            return ErrorStatus.NO_ACCESS
        if self.refuse is not None:
            return self.refuse
        if not name.startswith(POWER):
            return ErrorStatus.NOT_WRITABLE
        if tag != ber.INTEGER:
            return ErrorStatus.WRONG_TYPE
        if ber.decode(tag, raw) not in _TRUTH:
            return ErrorStatus.WRONG_VALUE
        return None if name in walk.places else ErrorStatus.NO_CREATION

    def carry_out(self, agent: str, names: list[bytes], raws: list[bytes]) -> None:
        """Remember what was set, and tell of it."""
        for name, raw in zip(names, raws, strict=True):
            done = Set(agent, ber.oid_text(name).removeprefix(ber.oid_text(POWER) + "."), raw == b"\x01")
            self.done.append(done)
            self.on_set(done)
