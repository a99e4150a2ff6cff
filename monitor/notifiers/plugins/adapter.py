"""Makes an Apprise plugin of a service: the one place where our classes and Apprise's meet.

Apprise ships no usable types for its base classes, so they are taken as ``Any`` here and nowhere else.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from monitor.notifiers.attachment import Enclosed
from monitor.notifiers.plugins.service import Message, Service, Url, Wire
from monitor.notifiers.schemes import SCHEMES, Scheme

_apprise: Any = import_module("apprise")


def apprise_plugin(service: type[Service]) -> Any:
    """A ``NotifyBase`` subclass that hands whole messages to ``service``."""
    base = _apprise.NotifyBase

    def init(self: Any, parts: Url, **kwargs: Any) -> None:
        base.__init__(self, **kwargs)
        self.service = service(parts)
        parts.close()
        self.receipt = ""

    def send(
        self: Any, body: str, title: str = "", notify_type: Any = None, attach: Any = None, **_: Any
    ) -> bool:
        wire = Wire(self.verify_certificate, self.request_timeout, self.is_delivered, self.mark_delivered)
        level = getattr(notify_type, "value", "info")
        files = tuple(Enclosed(file.path, file.name, file.mimetype) for file in attach or ())
        self.receipt = self.service.deliver(Message(title, body, level, files), wire)
        return True

    def url(self: Any, privacy: bool = False, *_: Any, **__: Any) -> str:
        return f"{service.schemes[0]}://***"

    def parse_url(url: str, *_: Any, **__: Any) -> dict[str, Any] | None:
        results = base.parse_url(url, verify_host=False)
        return results | {"parts": Url(url)} if results else None

    return type(
        f"Camwatch{service.__name__}",
        (base,),
        {
            "__init__": init,
            "send": send,
            "url": url,
            "parse_url": staticmethod(parse_url),
            "service_name": service.name,
            "protocol": service.schemes,
            "attachment_support": SCHEMES.get(service.schemes[0], Scheme()).attachments,
            "secure_protocol": (),
            # The service itself sees to lengths, which it counts in its own unit.
            "body_maxlen": 1 << 20,
            "title_maxlen": 250,
            "request_rate_per_sec": 0,
            "templates": ("{schema}://{key}",),
        },
    )
