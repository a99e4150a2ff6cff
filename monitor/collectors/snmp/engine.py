"""Thousands of conversations over one socket: matching, retries, windows, and what ICMP says.

Nothing here awaits: a conversation is a generator, a reply moves it one step, and its end calls back. A
reply belongs to a request when source address, request id (v3: message id) and credentials all agree;
anything else is counted by why, and never ends a conversation. It is remembered, though: an agent that
sends only garbage is told as ``protocol``, not as ``timeout``.
"""

from __future__ import annotations

import asyncio
import errno
import random
import socket
from collections import Counter, deque
from collections.abc import Callable
from typing import TypeVar

from monitor.collectors.snmp import udp, usm, v3
from monitor.collectors.snmp.agents import Agent, Conversation, EngineSettings
from monitor.collectors.snmp.ber import BerError
from monitor.collectors.snmp.messages import (
    Community,
    PduType,
    ProtocolError,
    Reply,
    SnmpError,
    read_message,
    read_quick_reply,
    read_reply,
)
from monitor.collectors.snmp.talk import Talk
from monitor.collectors.snmp.wheel import Wheel
from monitor.model import Reason

T = TypeVar("T")
_READ_SPAN_S = 0.004
"""How long one round of reading may hold the event loop."""
_RESPONSE = int(PduType.RESPONSE)
_NO_TURN = 0
"""Stands in the wheel for conversations that have no request under way yet; no request has this id."""
_MAX_RESENDS = 4
"""v3: discovery, time, and once more of each."""


class UdpEngine:
    """The engine of Camwatch's own: v1, v2c, v3."""

    def __init__(self, settings: EngineSettings, rng: random.Random) -> None:
        self.settings = settings
        self.stats: Counter[str] = Counter()
        """Datagrams that were not believed, by why."""
        self._random = rng
        self._sockets: dict[int, socket.socket] = {}
        self._pending: dict[int, Conversation] = {}
        self._talking: dict[udp.Address, Agent] = {}
        self._ready: deque[Conversation] = deque()
        self._wheel = Wheel(self._due)
        self._dropped: dict[int, int] = {}
        """What each socket had dropped at the last turn of the wheel."""

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wheel.start(self._loop)

    async def stop(self) -> None:
        for conversation in [*self._pending.values(), *self._ready]:
            self.cancel(conversation)
        for agent in list(self._talking.values()):
            for waiting in agent.waiting or ():
                waiting.talk.close()
        self._talking.clear()
        self._wheel.stop()
        for sock in self._sockets.values():
            self._loop.remove_reader(sock)
            sock.close()
        self._sockets.clear()

    @property
    def under_way(self) -> int:
        return len(self._pending)

    # --- conversations ---

    def run(
        self, agent: Agent, talk: Talk[T], done: Callable[[T | SnmpError], None], deadline: float
    ) -> Conversation:
        conversation = Conversation(agent, talk, done, deadline)
        if agent.talks and len(agent.talks) >= self.settings.per_agent:
            if agent.waiting is None:
                agent.waiting = deque()
            agent.waiting.append(conversation)
            self._wheel.add(_NO_TURN, deadline)
        else:
            self._admit(conversation)
        return conversation

    async def ask(self, agent: Agent, talk: Talk[T], timeout_s: float) -> T:
        """One conversation, awaited: for the command line and tests. Raises ``SnmpError``."""
        future: asyncio.Future[T | SnmpError] = self._loop.create_future()
        conversation = self.run(agent, talk, future.set_result, self._loop.time() + timeout_s)
        try:
            outcome = await future
        except asyncio.CancelledError:
            self.cancel(conversation)
            raise
        if isinstance(outcome, SnmpError):
            raise outcome
        return outcome

    def cancel(self, conversation: object) -> None:
        if isinstance(conversation, Conversation) and self._leave(conversation):
            conversation.talk.close()
            self._next(conversation.agent)

    def _admit(self, conversation: Conversation) -> None:
        agent = conversation.agent
        if agent.talks:
            agent.talks = (*agent.talks, conversation)
        else:
            agent.talks = (conversation,)
            agent.clue = None
            self._talking[agent.address] = agent
        if len(self._pending) < self.settings.window:
            self._advance(conversation, None)
        else:
            self._ready.append(conversation)
            self._wheel.add(_NO_TURN, conversation.deadline)

    def _advance(self, conversation: Conversation, reply: Reply | SnmpError | None) -> None:
        """Move the generator to its next request, or to its end."""
        talk = conversation.talk
        try:
            if isinstance(reply, SnmpError):
                request = talk.throw(reply)
            elif reply is None:
                request = next(talk)
            else:
                request = talk.send(reply)
        except StopIteration as stop:
            self._finish(conversation, stop.value)
            return
        except SnmpError as error:
            self._finish(conversation, error)
            return
        except BerError as error:
            self._finish(conversation, ProtocolError(str(error)))
            return
        conversation.request = request
        conversation.attempt = conversation.resends = 0
        self._send(conversation)

    def _finish(self, conversation: Conversation, outcome: object) -> None:
        agent = conversation.agent
        if agent.talks == (conversation,) and not agent.waiting:  # nearly always: the same, without calls
            agent.talks = ()
            self._talking.pop(agent.address, None)
            self._pending.pop(conversation.id, None)
            conversation.done(outcome)
            if self._ready:
                self._next(agent)
        elif self._leave(conversation):
            conversation.done(outcome)
            self._next(agent)

    def _leave(self, conversation: Conversation) -> bool:
        """Take it out of every table; False if it was not in."""
        agent = conversation.agent
        self._pending.pop(conversation.id, None)
        if agent.talks == (conversation,):
            agent.talks = ()
        elif conversation in agent.talks:
            agent.talks = tuple([talk for talk in agent.talks if talk is not conversation])
        elif agent.waiting and conversation in agent.waiting:
            agent.waiting.remove(conversation)
        else:
            return False
        if not agent.talks and not agent.waiting:
            self._talking.pop(agent.address, None)
        return True

    def _next(self, agent: Agent) -> None:
        """Room has come free: at this agent, and in the window."""
        if agent.waiting and len(agent.talks) < self.settings.per_agent:
            self._talking[agent.address] = agent
            self._admit(agent.waiting.popleft())
        while self._ready and len(self._pending) < self.settings.window:
            conversation = self._ready.popleft()
            if conversation in conversation.agent.talks:
                self._advance(conversation, None)

    # --- sending ---

    def _new_id(self) -> int:
        """Unpredictable, since it is half of what tells a reply from a forgery; always four octets long."""
        while True:
            number = self._random.getrandbits(30) | 1 << 30
            if number not in self._pending:
                return number

    def _send(self, conversation: Conversation) -> None:
        agent, request = conversation.agent, conversation.request
        now, wait = self._loop.time(), self.settings.timeout_s
        if conversation.attempt == 0:
            if conversation.id:
                self._pending.pop(conversation.id, None)
            conversation.id = self._new_id()
            conversation.drops = self._dropped.get(agent.family, 0)
        else:
            wait *= self.settings.backoff**conversation.attempt
        session = agent.session
        if isinstance(session, Community):
            data = session.encode(request, conversation.id)
        else:
            data = session.encode(request, conversation.id, now)
        try:
            sock = self._sockets.get(agent.family) or self._open(agent.family)
            try:
                sock.sendto(data, agent.address)
            except ConnectionRefusedError:
                self._send_again(sock, data, agent.address)
        except BlockingIOError:
            self.stats["send_blocked"] += 1  # as good as lost on the way: the retry mends it
        except OSError as error:
            if error.errno in udp.NO_WAY:
                name = errno.errorcode.get(error.errno, "?")
                self._finish(conversation, SnmpError(Reason.SEND_FAILED, f"cannot send ({name})"))
                return
            self.stats["send_failed"] += 1
        self._pending[conversation.id] = conversation
        until = now + wait
        self._wheel.add(conversation.id, until if until < conversation.deadline else conversation.deadline)

    def _send_again(self, sock: socket.socket, data: bytes, address: udp.Address) -> None:
        """The socket hands out what ICMP said about an earlier datagram, to whomever that went."""
        for _ in range(8):
            self._read_errors(sock)
            try:
                sock.sendto(data, address)
                return
            except ConnectionRefusedError:
                continue
        self.stats["send_failed"] += 1

    def _open(self, family: int) -> socket.socket:
        sock = udp.open_socket(socket.AddressFamily(family))
        self._loop.add_reader(sock, self._readable, sock)
        self._sockets[family] = sock
        return sock

    # --- time ---

    def _due(self, numbers: list[int], now: float) -> None:
        for number in numbers:
            conversation = self._pending.get(number)
            if conversation is not None:
                self._unanswered(conversation, now)
        if _NO_TURN in numbers:
            self._expire_waiting(now)
        self._dropped = {family: udp.drops(sock) for family, sock in self._sockets.items()}

    def _expire_waiting(self, now: float) -> None:
        """Conversations that never got their turn end at their deadline too."""
        late = [talk for talk in self._ready if talk.deadline <= now]
        late += [
            talk for agent in self._talking.values() for talk in agent.waiting or () if talk.deadline <= now
        ]
        for conversation in late:
            self._finish(conversation, SnmpError(Reason.OWN_LOSS, "no turn before the deadline"))

    def _unanswered(self, conversation: Conversation, now: float) -> None:
        if now < conversation.deadline and conversation.attempt < self.settings.retries:
            conversation.attempt += 1
            self._send(conversation)
            return
        agent = conversation.agent
        if isinstance(agent.session, usm.Session):
            agent.session.forget()  # it may have been replaced, or have lost count of its boots
        error = agent.clue
        if error is None and udp.drops(self._sockets[agent.family]) > conversation.drops:
            error = SnmpError(Reason.OWN_LOSS, "our own receive buffer overran")
        self._fail(conversation, error or SnmpError(Reason.TIMEOUT, "no answer"))

    def _fail(self, conversation: Conversation, error: SnmpError) -> None:
        """Tell the conversation; it may still go on, or end with what it has."""
        self._pending.pop(conversation.id, None)
        if self._loop.time() >= conversation.deadline:
            conversation.talk.close()
            self._finish(conversation, error)
        else:
            self._advance(conversation, error)

    # --- receiving ---

    def _readable(self, sock: socket.socket) -> None:
        until = self._loop.time() + _READ_SPAN_S
        first = True
        while self._loop.time() < until:
            try:
                data, address = sock.recvfrom(65535)
            except BlockingIOError:
                if first:
                    self._read_errors(sock)
                return
            except OSError:
                self._read_errors(sock)
                continue
            first = False
            self._datagram(data, address if len(address) == 2 else address[:2])

    def _read_errors(self, sock: socket.socket) -> None:
        for error in udp.icmp_errors(sock):
            agent = self._talking.get(error.address)
            if agent is None:
                continue
            for conversation in agent.talks:
                if conversation.id in self._pending:
                    self._fail(conversation, SnmpError(error.reason, error.words))

    def _datagram(self, data: bytes, address: udp.Address) -> None:
        try:
            known = self._talking.get(address)
            if known is not None and isinstance(known.session, Community):
                quick = known.session.read_quickly(data)
                if quick is not None:
                    conversation = self._pending.get(quick[0])
                    if conversation is not None and conversation.agent is known:
                        reply = read_quick_reply(data, quick, conversation.request)
                        del self._pending[quick[0]]
                        self._advance(conversation, reply)
                        return
            version, community, pdu = read_message(data)
            if pdu is None:
                message = v3.read_message(data)
                conversation = self._pending.get(message.id)
            else:
                conversation = self._pending.get(pdu.request_id)
            if conversation is None:
                self.stats["late_or_unasked"] += 1
                return
            agent = conversation.agent
            session = agent.session
            if agent.address != address:
                self._doubt(
                    "wrong_source", agent, SnmpError(Reason.WRONG_SOURCE, "answered from another address")
                )
                return
            if isinstance(session, usm.Session):
                if pdu is None:
                    self._receive_v3(conversation, session, message)
                    return
            elif (
                pdu is not None
                and pdu.type == _RESPONSE
                and community == session.community
                and version == session.version
            ):
                reply = read_reply(data, pdu)
                del self._pending[conversation.id]
                self._advance(conversation, reply)
                return
            self._doubt("foreign", agent, ProtocolError("answered with another version, community or PDU"))
        except BerError as error:
            self._doubt("garbage", self._talking.get(address), ProtocolError(str(error)))

    def _doubt(self, why: str, agent: Agent | None, clue: SnmpError) -> None:
        """Not believed: counted, and remembered in case nothing better comes."""
        self.stats[why] += 1
        if agent is not None:
            agent.clue = clue

    def _receive_v3(self, conversation: Conversation, session: usm.Session, message: v3.Message) -> None:
        try:
            reply = session.receive(message, conversation.id, self._loop.time())
        except usm.Distrust as error:
            self._doubt("distrusted", conversation.agent, SnmpError(Reason.AUTH, str(error)))
            return
        except SnmpError as error:
            self._fail(conversation, error)
            return
        if reply is not None:
            del self._pending[conversation.id]
            self._advance(conversation, reply)
        elif conversation.resends < _MAX_RESENDS:
            conversation.resends += 1
            conversation.attempt = 0
            self._send(conversation)
        else:
            self._fail(conversation, SnmpError(Reason.AUTH, "the agent keeps refusing our engine or time"))
