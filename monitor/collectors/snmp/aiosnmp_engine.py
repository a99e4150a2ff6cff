"""``engine = "aiosnmp"``: the library aiosnmp behind the engine's interface, to compare with. v2c only.

It cannot tell NULL from "no such object" or a value's type, and reads some integers wrong (−256 as 0, a
Counter32 of four octets as negative): it is no engine to settle a contract by.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import aiosnmp
from aiosnmp.exceptions import SnmpErrorStatus, SnmpException, SnmpTimeoutError

from monitor.collectors.snmp import ber
from monitor.collectors.snmp.agents import Agent, EngineSettings
from monitor.collectors.snmp.messages import (
    Community,
    PduType,
    ProtocolError,
    Reply,
    Request,
    SnmpError,
    Version,
)
from monitor.collectors.snmp.talk import Talk
from monitor.model import Reason

T = TypeVar("T")

_STATUS = {
    "SnmpErrorTooBig": 1,
    "SnmpErrorNoSuchName": 2,
    "SnmpErrorGenErr": 5,
    "SnmpErrorNoAccess": 6,
    "SnmpErrorResourceUnavailable": 13,
    "SnmpErrorAuthorizationError": 16,
}


class AiosnmpEngine:
    def __init__(self, settings: EngineSettings) -> None:
        self.stats: Counter[str] = Counter()
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()
        self._window = asyncio.Semaphore(settings.window)

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def run(
        self, agent: Agent, talk: Talk[T], done: Callable[[T | SnmpError], None], deadline: float
    ) -> object:
        task = asyncio.get_running_loop().create_task(self._drive(agent, talk, done, deadline))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def cancel(self, conversation: object) -> None:
        if isinstance(conversation, asyncio.Task):
            conversation.cancel()

    async def _drive(
        self, agent: Agent, talk: Talk[T], done: Callable[[T | SnmpError], None], deadline: float
    ) -> None:
        outcome: T | SnmpError
        try:
            async with asyncio.timeout_at(deadline), self._window:
                outcome = await self._talk(agent, talk)
        except SnmpError as error:
            outcome = error
        except ber.BerError as error:
            outcome = ProtocolError(str(error))
        except TimeoutError:
            outcome = SnmpError(Reason.TIMEOUT, "no answer")
        except OSError as error:
            outcome = SnmpError(Reason.SEND_FAILED, error.strerror or "cannot send")
        finally:
            talk.close()
        done(outcome)

    async def _talk(self, agent: Agent, talk: Talk[T]) -> T:
        session = agent.session
        if not isinstance(session, Community) or session.version != Version.V2C:
            raise SnmpError(Reason.AUTH, 'engine = "aiosnmp" speaks v2c only')
        host, port = agent.address
        async with aiosnmp.Snmp(
            host=host,
            port=port,
            community=session.community.decode(),
            timeout=self._settings.timeout_s,
            retries=self._settings.retries + 1,
        ) as snmp:
            request = next(talk)
            while True:
                try:
                    request = talk.send(await self._ask(snmp, request))
                except StopIteration as stop:
                    result: T = stop.value
                    return result

    async def _ask(self, snmp: aiosnmp.Snmp, request: Request) -> Reply:
        names = ["." + ber.oid_text(name) for name in request.names]
        try:
            if request.pdu == PduType.GET:
                bindings = await snmp.get(names)
            elif request.pdu == PduType.GET_BULK:
                bindings = await snmp.get_bulk(names, non_repeaters=0, max_repetitions=request.repetitions)
            else:
                bindings = await snmp.get_next(names)
        except SnmpTimeoutError as error:
            raise SnmpError(Reason.TIMEOUT, "no answer") from error
        except SnmpErrorStatus as error:
            status = _STATUS.get(type(error).__name__, 99)
            place = str(error).partition("index: ")[2].partition(",")[0]
            return Reply(status, int(place) if place.isdecimal() else 0, [], [], [])
        except (SnmpException, ValueError) as error:
            raise ProtocolError("aiosnmp could not read the answer") from error
        gone = ber.Missing.NO_SUCH_INSTANCE if request.pdu == PduType.GET else ber.Missing.END_OF_MIB_VIEW
        values = [_value(binding.value, gone) for binding in bindings]
        return Reply(
            0,
            0,
            [ber.oid(binding.oid) for binding in bindings],
            [tag for tag, _ in values],
            [raw for _, raw in values],
        )


def _value(value: object, gone: ber.Missing) -> tuple[int, bytes]:
    """A decoded value back in octets, under the type it most likely had."""
    match value:
        case None:
            return gone.value, b""
        case int():
            if -(1 << 31) <= value < 1 << 31:
                return ber.INTEGER, ber.encode_integer(value)[2:]
            return ber.COUNTER64, (value % (1 << 64)).to_bytes(8, "big")
        case bytes():
            return ber.OCTETS, value
        case ipaddress.IPv4Address():
            return ber.IP_ADDRESS, value.packed
        case str():
            return ber.OID, ber.oid(value)
    raise ProtocolError("aiosnmp returned a value of no known type")
