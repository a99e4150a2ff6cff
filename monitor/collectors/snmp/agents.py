"""What an engine is given, and what it keeps: agents, conversations under way, settings."""

from __future__ import annotations

import socket
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from monitor.collectors.snmp import udp, usm
from monitor.collectors.snmp.messages import Community, PduType, Request, SnmpError, Version
from monitor.collectors.snmp.talk import Limits, Talk

T = TypeVar("T")
Done = Callable[[Any], None]
"""Called once with what the conversation returned, or with the ``SnmpError`` that ended it."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    timeout_s: float = 1.0
    """How long the first sending may go unanswered; each further one waits ``backoff`` times as long."""
    retries: int = 2
    backoff: float = 2.0
    window: int = 512
    """Requests under way at once, over all agents: what the receive buffer holds if all answer together."""
    per_agent: int = 2
    """Conversations at once with one agent; many small switches answer no more."""


class Agent:
    """One agent as the engine sees it."""

    __slots__ = ("address", "clue", "family", "limits", "session", "talks", "waiting")

    def __init__(self, ip: str, port: int, session: Community | usm.Session) -> None:
        self.address: udp.Address = (ip, port)
        self.family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self.session = session
        self.limits = Limits(bulk=session.version != Version.V1)
        self.talks: tuple[Conversation, ...] = ()
        self.waiting: deque[Conversation] | None = None
        self.clue: SnmpError | None = None

    def __repr__(self) -> str:
        return f"Agent({self.address[0]})"


NOT_ASKED = Request(PduType.GET, ())
"""Stands for the request of a conversation that has not come to one yet; it is never sent."""


class Conversation:
    """One generator under way."""

    __slots__ = ("agent", "attempt", "deadline", "done", "drops", "id", "request", "resends", "talk")

    def __init__(self, agent: Agent, talk: Talk[Any], done: Done, deadline: float) -> None:
        self.agent = agent
        self.talk = talk
        self.done = done
        self.deadline = deadline
        self.request = NOT_ASKED
        self.id = 0
        self.attempt = 0
        self.resends = 0
        self.drops = 0
        """What our socket had dropped when the request was first sent."""


class SnmpEngine(Protocol):
    """What the collector needs of an engine."""

    stats: Counter[str]

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def run(
        self, agent: Agent, talk: Talk[T], done: Callable[[T | SnmpError], None], deadline: float
    ) -> object:
        """Start a conversation; ``done`` is called once, at ``deadline`` at the latest. The object returned
        is what ``cancel`` takes."""
        ...

    def cancel(self, conversation: object) -> None:
        """Forget a conversation; ``done`` is not called."""
        ...
