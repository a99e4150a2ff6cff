"""The ``onvif`` check: does it answer, is its clock right, is it the device that the book has?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from pydantic import Field

from monitor.collectors.base import CheckSettings, Env
from monitor.collectors.credentials import (
    Account,
    BackOff,
    Credential,
    CredentialBook,
    CredentialSettings,
    refusal_reading,
)
from monitor.collectors.fanout import fan_out
from monitor.collectors.http1 import Answer, WireError
from monitor.collectors.onvif import answers, soap
from monitor.collectors.onvif.login import log_in
from monitor.collectors.onvif.talk import Address, Endpoint, Login, Memory, Profiles, Talk
from monitor.collectors.onvif.wsd import BootAsker
from monitor.collectors.onvif.xml import Element
from monitor.collectors.pin import USUAL_PORTS, PortRanges, pin, without_secrets
from monitor.collectors.turns import Turns
from monitor.model import Device, DeviceId, Reading, Reason, Result, Target
from monitor.settings import Duration


class OnvifSettings(CheckSettings):
    interval: Duration = 300.0
    timeout: Duration = Field(default=10.0)
    """How long one camera may take in all: connection and every call."""
    port: int = Field(default=80, ge=1, le=65535)
    """Where the device service listens; a device's tag ``onvif_port`` overrides it."""
    path: str = "/onvif/device_service"
    ports: PortRanges = USUAL_PORTS
    """Ports on the camera that its own answers may send us to."""
    credentials: tuple[CredentialSettings, ...] = ()
    back_off: BackOff = Field(default_factory=BackOff)
    per_second: float = Field(default=400.0, gt=0)
    """Polls begun in a second, at most."""
    at_once: int = Field(default=500, ge=1)
    """Polls open at one time, at most."""
    max_body: int = Field(default=256 * 1024, ge=1024)
    """Bytes of one answer, at most."""
    wsd_port: int = Field(default=3702, ge=0, le=65535)
    """Where devices are asked for their boot count (WS-Discovery, unicast); 0 asks nobody."""
    spares: frozenset[str] = frozenset()
    """Serial numbers of spare devices: one of them in a device's place is a replacement, any other serial
    than the book's is an unauthorised device."""


class OnvifCollector:
    Settings = OnvifSettings

    def __init__(self, settings: CheckSettings, env: Env) -> None:
        if not isinstance(settings, OnvifSettings):
            raise TypeError("OnvifCollector takes OnvifSettings")
        self._settings = settings
        self._env = env
        self._book = CredentialBook(settings.credentials, settings.back_off, env.clock)
        self._memories: dict[DeviceId, Memory] = {}
        self._turns = Turns()
        self._boots = BootAsker(env.random, settings.wsd_port)

    async def start(self) -> None:
        if self._settings.wsd_port:
            self._boots.start()

    async def stop(self) -> None:
        self._boots.stop()
        self._memories.clear()

    def accounts(self) -> list[Account]:
        return self._book.accounts()

    def account_of(self, device: Device) -> Credential | None:
        """The account that ``device`` is asked with."""
        return self._book.for_device(device)

    def endpoint_of(self, device: Device) -> Endpoint:
        """Where its device service is."""
        port = device.tags.get("onvif_port", "")
        return Endpoint(int(port) if port.isdigit() else self._settings.port, self._settings.path)

    def collect(self, targets: Sequence[Target], deadline: float) -> AsyncIterator[list[Result]]:
        settings = self._settings
        return fan_out(
            "onvif", targets, deadline, self._env.clock, settings.per_second, settings.at_once, self._check
        )

    async def _check(self, target: Target, deadline: float) -> Result:
        settings, device = self._settings, target.device
        deadline = min(deadline, asyncio.get_running_loop().time() + settings.timeout)
        at = self._env.clock.now().wall
        memory = self._memories.setdefault(device.id, Memory())
        credential = self._book.for_device(device)
        talk = Talk(
            target.ip,
            self.endpoint_of(device),
            deadline,
            settings.max_body,
            memory,
            credential,
            self._env.clock,
            self._env.random,
            self._turns,
        )
        readings: list[Reading] = []
        boot = self._boots.ask(target.ip)
        try:
            await self._poll(talk, target, memory, credential, deadline, readings)
            readings += _boot(memory, boot)
            self._book.asked(device, Reason.OK)
            return Result(device.id, "onvif", at, Reason.OK, tuple(readings))
        except WireError as error:
            # Whatever we believed of its services and its log-in is found out afresh.
            memory.media = memory.login = memory.answerer = memory.profiles = None
            self._book.asked(device, error.reason)
            if error.reason is Reason.AUTH:
                readings += refusal_reading("onvif", credential, device.id)
            return Result(device.id, "onvif", at, error.reason, tuple(readings), error.detail)
        finally:
            talk.close()
            self._boots.forget(target.ip)

    async def _poll(
        self,
        talk: Talk,
        target: Target,
        memory: Memory,
        credential: Credential | None,
        deadline: float,
        readings: list[Reading],
    ) -> None:
        """Adds to ``readings`` as far as it gets; ``WireError`` where it gets no further."""
        device = target.device
        await talk.measure_clock()
        readings += (
            Reading("onvif.connect_ms", talk.connect_ms),
            Reading("onvif.response_ms", talk.took_ms),
        )
        if talk.tells_time:
            readings.append(Reading("onvif.clock_drift_s", round(talk.drift_s, 1)))
        information = answers.information(await log_in(talk, credential, device.id, deadline))
        readings.append(Reading("onvif.password_refused", False))
        readings += _identity(device, memory, information, self._settings.spares)
        if memory.media is None:
            memory.media = await self._find_media(talk, target.ip)
        profiles = await talk.read(soap.GET_PROFILES, lambda answer: _profiles(memory, answer))
        readings.append(Reading("onvif.profiles", profiles.count))
        token = profiles.token
        stream = answers.media_uri(await talk.ask(soap.GET_STREAM_URI, token))
        readings += self._address(memory, "stream_uri", stream, target.ip, ("rtsp", "rtsps"), talk.port)
        with suppress(_NotOffered):
            answer = await _optional(talk, soap.GET_SNAPSHOT_URI, token)
            snapshot = answers.media_uri(answer, optional=True)
            if snapshot:
                schemes = ("http", "https")
                readings += self._address(memory, "snapshot_uri", snapshot, target.ip, schemes, talk.port)
        readings.append(Reading("onvif.login", (memory.login or Login.OPEN).value))

    def _address(
        self, memory: Memory, name: str, uri: str, ip: str, schemes: tuple[str, ...], port: int
    ) -> tuple[Reading, ...]:
        """The address as a reading without secrets, and whether it leads away from the camera."""
        known = memory.addresses.get(name)
        if known is not None and known.uri == uri and known.ip == ip:  # it is nearly always the same
            return known.readings
        pinned = pin(uri, ip, schemes, (*self._settings.ports, (port, port)))
        if pinned is None:
            raise WireError(Reason.UNEXPECTED, f"its {name} cannot be used")
        readings = (
            Reading(f"onvif.{name}", without_secrets(uri)),
            Reading(f"onvif.{name}_foreign", pinned.foreign),
        )
        memory.addresses[name] = Address(uri, ip, readings)
        return readings

    async def _find_media(self, talk: Talk, ip: str) -> Endpoint:
        """Where the camera says its media service is, on the camera itself."""
        named = ""
        with suppress(_NotOffered):
            named = answers.media_address(await _optional(talk, soap.GET_CAPABILITIES))
        if not named:
            answer = await talk.ask(soap.GET_SERVICES)
            named = answers.service_address(answer, soap.Service.MEDIA.value)
        ports = (*self._settings.ports, (talk.port, talk.port))
        pinned = pin(named, ip, ("http", "https"), ports)
        if pinned is None:
            raise WireError(Reason.UNEXPECTED, "its media service has no usable address")
        # What names another host, or TLS, is asked where the device service answered.
        elsewhere = pinned.foreign or pinned.scheme != "http"
        return Endpoint(talk.port if elsewhere else pinned.port, pinned.path)


class _NotOffered(Exception):
    """An optional call that this camera does not know."""


async def _optional(talk: Talk, call: soap.Call, token: str = "") -> Element:
    try:
        return await talk.ask(call, token)
    except WireError as error:
        if error.reason is Reason.UNEXPECTED:
            raise _NotOffered from None
        raise


def _profiles(memory: Memory, answer: Answer) -> Profiles:
    digest, known = hash(answer.body), memory.profiles
    if known is None or known.digest != digest or answer.status != 200:
        found = answers.profiles(answers.response(soap.GET_PROFILES, answer))
        known = memory.profiles = Profiles(digest, len(found), found[0].token)
    return known


def _boot(memory: Memory, told: asyncio.Future[int]) -> list[Reading]:
    """Has it started anew since the last poll? Where it tells, by WS-Discovery, before the poll was over."""
    if not told.done():
        return []
    before, memory.boot = memory.boot, told.result()
    return [
        Reading("onvif.boot_count", memory.boot),
        Reading("onvif.rebooted", before is not None and before != memory.boot),
    ]


def _identity(
    device: Device, memory: Memory, found: answers.Information, spares: frozenset[str]
) -> list[Reading]:
    """Who answered, and whether it is who should: by the book's tag ``serial``, else by whom we met first."""
    expected = device.tags.get("serial", "") or memory.serial
    same_model = not memory.model or memory.model == found.model
    replaced = (bool(expected) and found.serial != expected) or not same_model
    if not memory.serial and not memory.model:
        memory.serial, memory.model = found.serial, found.model
    return [
        Reading("onvif.manufacturer", found.manufacturer),
        Reading("onvif.model", found.model),
        Reading("onvif.firmware_version", found.firmware),
        Reading("onvif.serial_number", found.serial),
        Reading("onvif.replaced", replaced),
        Reading("onvif.unauthorised", replaced and found.serial not in spares),
    ]
