"""One send in a process of its own: make the plugin, send, say exactly what came back, end."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import time
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from typing import Any
from urllib.parse import quote, quote_plus

import requests

from monitor.clock import SystemClock
from monitor.notifiers.courier.guards import Observed, install
from monitor.notifiers.courier.wire import Done, Op, Order, Report, frame
from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused, of_smtp, of_status, retry_after_s
from monitor.notifiers.parent import die_with_parent
from monitor.notifiers.schemes import scheme_of

# Apprise ships no usable types.
_apprise: Any = import_module("apprise")
_base: Any = import_module("apprise.plugins.base")
_attach_file: Any = import_module("apprise.attachment.file").AttachFile
_schemes: Any = import_module("apprise.plugins").N_MGR

DETAIL = 300
_PIECE = "piece"


def warm_up() -> None:
    """Once per courier, before it forks: has the libraries compile and cache what every send needs, which
    would else cost each child some 10 ms. Port 0 fails before anything reaches a network."""
    plugin = _apprise.Apprise.instantiate("wecombot://warm")
    with contextlib.suppress(requests.RequestException):
        requests.post("http://127.0.0.1:0/", data=b"{}", timeout=1)
    plugin.resolve_format(_apprise.NotifyFormat.TEXT)


def run_child(order: Order, pipe: int, started: float) -> None:
    """Carries out ``order``, writes the report to ``pipe``; does not return."""
    courier = os.getppid()
    os.setsid()  # whatever a plugin starts is killed with it, as one group
    die_with_parent()
    if os.getppid() != courier:
        os._exit(1)
    # Descriptors 0 to 2 lead nowhere: a plugin that prints disturbs nobody and leaks nothing.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        if fd != nowhere:
            os.dup2(nowhere, fd)
    report = perform(order, started)
    data = frame(report)[4:]
    while data:
        data = data[os.write(pipe, data) :]
    os._exit(0)


def perform(order: Order, started: float) -> Report:
    seen = install(order.timeout_s)
    tracker = _tracker(order.done)
    _base._delivery_tracker.set(tracker)
    try:
        plugin = make_plugin(order.url, seen)
        if order.op is Op.VERIFY:
            outcome, code, detail, wait = Outcome.DELIVERED, "", plugin.service_name or "", None
        else:
            outcome, code, detail, wait = _judge(_notify(plugin, order), seen)
            if outcome is Outcome.DELIVERED:
                detail = getattr(plugin, "receipt", "")
    except Refused as refused:
        outcome, code, detail, wait = refused.outcome, refused.code, refused.text, refused.retry_after_s
        if wait is None:
            wait = _retry_after(seen)
    except Exception as error:
        # A plugin that raises is broken or was given what it cannot handle: tried again, in the end given up.
        outcome, code, wait = Outcome.TEMPORARY, "exception", None
        detail = f"{type(error).__name__}: {error}"
    return Report(
        order.id,
        outcome,
        code=_redacted(code, order)[:60],
        detail=_redacted(detail, order)[:DETAIL],
        retry_after_s=wait,
        took_s=time.monotonic() - started,
        posts=max(1, seen.posts),
        done=_done(tracker),
    )


def make_plugin(url: str, seen: Observed) -> Any:
    """The plugin for ``url``. Raises ``Refused`` (permanent) saying what is wrong with it: Apprise itself
    would log it and carry on without."""
    asset = _apprise.AppriseAsset(
        app_id="Camwatch",
        async_mode=False,
        storage_mode="memory",
        http_redirects=False,
        service_timeout=0,
        allow_templates=False,
    )
    try:
        plugin = _apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=False)
    except Refused:
        raise
    except Exception as error:
        raise Refused(Outcome.PERMANENT, "config", f"Apprise refuses this url: {error}") from error
    if plugin is None:
        raise Refused(Outcome.PERMANENT, "config", _why_not(url, seen))
    # The lanes keep the rates; Apprise's own throttle would sleep up to 5.5 s between two recipients.
    plugin.request_rate_per_sec = 0
    if plugin.overflow_mode is _apprise.OverflowMode.UPSTREAM:
        plugin.overflow_mode = _apprise.OverflowMode.SPLIT
    _run_coroutines(plugin)
    return plugin


def _why_not(url: str, seen: Observed) -> str:
    scheme = scheme_of(url)
    if scheme in _schemes:
        said = next((line for line in seen.log if "URL" not in line), "")
        return f"this is not a valid {scheme}:// url" + (f": {said}" if said else "")
    close = get_close_matches(scheme, sorted(_schemes.schemas()), n=1)
    return f"Apprise knows no scheme {scheme}://" + (f"; did you mean {close[0]}://?" if close else "")


def _run_coroutines(plugin: Any) -> None:
    """Makes ``async def`` senders run: Apprise takes the unawaited coroutine for a success."""
    for name in dir(plugin):
        if name == "send" or name.startswith("send_") or name.endswith("__send"):
            sender = getattr(plugin, name)
            if inspect.iscoroutinefunction(sender):
                setattr(plugin, name, _awaited(sender))


def _awaited(sender: Callable[..., Any]) -> Callable[..., Any]:
    def send(*args: Any, **kwargs: Any) -> Any:
        return asyncio.run(sender(*args, **kwargs))

    return send


def _notify(plugin: Any, order: Order) -> bool:
    files = _apprise.AppriseAttachment()
    for file in order.attachments:
        files.add(_attach_file(file.path, name=file.name, mimetype=file.media_type))
    answer = plugin.notify(
        body=order.body,
        attach=files if order.attachments and plugin.attachment_support else None,
        title=order.title,
        notify_type=_apprise.NotifyType(order.level),
        body_format=_apprise.NotifyFormat.TEXT,
    )
    return answer is True


def _judge(said_yes: bool, seen: Observed) -> tuple[Outcome, str, str, float | None]:
    """A bare yes or no, set against what was seen on the wire."""
    words = "; ".join(seen.log[-1:])
    if seen.status is not None:
        outcome = of_status(seen.status)
        if said_yes or outcome is not Outcome.DELIVERED:
            detail = "" if outcome is Outcome.DELIVERED else words or seen.snippet
            return outcome, str(seen.status), detail, _retry_after(seen)
        # 2xx, and the plugin read a refusal in the body. Which sort we cannot know: tried again, given up
        # after the channel's ``give_up``.
        return Outcome.TEMPORARY, str(seen.status), words or seen.snippet, None
    if seen.error:
        return Outcome.TEMPORARY, "network", seen.error, None
    if said_yes:
        return Outcome.DELIVERED, "", "", None
    if seen.smtp_code is not None:
        return of_smtp(seen.smtp_code), str(seen.smtp_code), seen.smtp_text, None
    return Outcome.TEMPORARY, "", words or "the plugin says that it failed, and not why", None


def _retry_after(seen: Observed) -> float | None:
    if not seen.retry_after:
        return None
    return retry_after_s(seen.retry_after, SystemClock().now().wall)


def _redacted(text: str, order: Order) -> str:
    for secret in sorted(order.secrets, key=len, reverse=True):
        for shape in {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), repr(secret)[1:-1]}:
            text = text.replace(shape, "***")
    return text


# Apprise's delivery tracker holds (piece, (type, repr)) for each recipient that took a piece, so that a
# second attempt goes only to the others. The child ends, so the set travels with the order and the report.
_TYPES: dict[str, type] = {"str": str, "int": int, "tuple": tuple, "list": list, "bool": bool}


def _tracker(done: Done) -> set[tuple[int | None, Any]]:
    whole = repr(_base._PIECE_DELIVERED)
    return {
        (piece, (object, whole) if kind == _PIECE else (_TYPES[kind], text))
        for piece, kind, text in done
        if kind == _PIECE or kind in _TYPES
    }


def _done(tracker: set[tuple[int | None, Any]]) -> Done:
    return tuple(
        (piece, _PIECE if kind is object else kind.__name__, "" if kind is object else text)
        for piece, (kind, text) in sorted(tracker, key=repr)
    )
