"""The child of ``enrol``: ``python -m monitor.survey.enrol_worker MEMORY_MB``, one JSON line in, one out.

Nothing else of Camwatch imports this file: importing onvif-zeep-async alters logging and the environment.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path
from typing import Any

from aiohttp import ClientError
from onvif import ONVIFCamera
from onvif.exceptions import ONVIFError
from zeep.exceptions import Error as ZeepError
from zeep.exceptions import Fault, TransportError

from monitor.model import Reason
from monitor.survey.enrol import EnrolledProfile, Enrolment, Question, read_question

_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
_CPU_S = 600
_MAX_PROFILES = 256
_MAX_TEXT = 200
_MAX_URI = 1024
_STREAM = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}

_allowed: set[str] = set()
"""The one address that may be connected to now."""


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: no connection but to the camera in hand, whatever redirects and XAddrs say."""
    if event in ("socket.connect", "socket.sendto") and isinstance(arguments[-1], tuple):
        if arguments[-1][0] not in _allowed:
            raise PermissionError("not the camera's address")
    elif event == "socket.getaddrinfo" and arguments[0] not in _allowed:
        raise PermissionError("no names are looked up here")


def _limit(memory_mb: int) -> None:
    """So much more address space than now, and no more processor time than a long evening needs."""
    used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    most = used + memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


async def _warm() -> None:
    """Parses the WSDLs once: with 100 cameras together the library does it 198 times."""
    camera = ONVIFCamera("127.0.0.1", 9, "", "", nat_override=True)
    try:
        camera.xaddrs = dict.fromkeys((_DEVICE, _MEDIA, _PTZ), "http://127.0.0.1:9/")
        await camera.create_devicemgmt_service()
        await camera.create_media_service()
    finally:
        await camera.close()


async def _enrol(question: Question) -> Enrolment:
    _allowed.clear()
    _allowed.add(question.ip)
    camera = ONVIFCamera(
        question.ip, question.port, question.user, question.password, nat_override=True, adjust_time=True
    )
    try:
        return await _ask(camera)
    except TransportError as error:
        auth = error.status_code in (401, 403)
        return Enrolment(Reason.AUTH if auth else Reason.UNEXPECTED, f"HTTP status {error.status_code}")
    except Fault as error:
        auth = "auth" in f"{error.message} {error.subcodes}".lower()
        return Enrolment(Reason.AUTH if auth else Reason.UNEXPECTED, "refused with a SOAP fault")
    except TimeoutError:
        return Enrolment(Reason.TIMEOUT, "no answer in time")
    except (ONVIFError, ZeepError, AttributeError, TypeError, ValueError, KeyError):
        return Enrolment(Reason.PROTOCOL, "the answers make no sense")
    except (ClientError, OSError):
        return Enrolment(Reason.REFUSED, "the connection failed")
    finally:
        await camera.close()


async def _ask(camera: Any) -> Enrolment:
    await camera.update_xaddrs()
    device, media = await camera.create_devicemgmt_service(), await camera.create_media_service()
    information = await device.GetDeviceInformation()
    listed = list(await media.GetProfiles())[:_MAX_PROFILES]
    profiles = tuple(_profile(each) for each in listed)
    token = profiles[0].token
    stream = await media.GetStreamUri({"StreamSetup": _STREAM, "ProfileToken": token})
    try:
        snapshot = _text((await media.GetSnapshotUri({"ProfileToken": token})).Uri, _MAX_URI)
    except (Fault, AttributeError):
        snapshot = ""  # optional
    return Enrolment(
        Reason.OK,
        manufacturer=_text(information.Manufacturer),
        model=_text(information.Model),
        firmware=_text(information.FirmwareVersion),
        serial=_text(information.SerialNumber),
        services=tuple(sorted(_text(name) for name in camera.xaddrs)),
        profiles=profiles,
        stream_uri=_text(stream.Uri, _MAX_URI),
        snapshot_uri=snapshot,
        ptz=_PTZ in camera.xaddrs or any(profile.ptz for profile in profiles),
    )


def _profile(given: Any) -> EnrolledProfile:
    encoder = getattr(given, "VideoEncoderConfiguration", None)
    size = getattr(encoder, "Resolution", None)
    return EnrolledProfile(
        _text(given.token),
        _text(given.Name),
        _text(getattr(encoder, "Encoding", "")),
        int(getattr(size, "Width", 0) or 0),
        int(getattr(size, "Height", 0) or 0),
        getattr(given, "PTZConfiguration", None) is not None,
    )


def _text(value: Any, longest: int = _MAX_TEXT) -> str:
    words = "" if value is None else str(value)[:longest]
    return "".join(c if c.isprintable() else " " for c in words).strip()


async def _serve() -> None:
    await _warm()
    print("ready", flush=True)  # noqa: T201 - the line that the parent waits for
    for line in iter(sys.stdin.buffer.readline, b""):
        sys.stdout.write((await _enrol(read_question(line))).to_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _limit(int(sys.argv[1]))
    sys.addaudithook(_guard)
    asyncio.run(_serve())
