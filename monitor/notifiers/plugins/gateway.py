"""Any service that takes an HTTP request: ``webhooks://host/path``, and ``smshttps://host/path`` for an
operator's SMS gateway, which is asked once per number.

Options: ``method``, ``type`` (content type), ``body`` (a template), ``header.NAME``, ``charset`` (many
gateways want GB18030), ``success``, ``permanent`` (conditions on the answer, see ``template``).

A web hook's JSON body may have ``"attachments":$attachments`` (the standard body has it when there are any):
an array of objects with ``name``, ``type`` and ``base64``.
"""

from __future__ import annotations

import base64
import codecs
import json
from pathlib import Path
from string import Template
from urllib.parse import quote

from monitor.notifiers.attachment import Enclosed
from monitor.notifiers.notice import Outcome
from monitor.notifiers.outcome import Refused
from monitor.notifiers.plugins.answer import check_status, words
from monitor.notifiers.plugins.recipients import all_masked, each, phone_numbers
from monitor.notifiers.plugins.service import Faults, Message, Url, Wire, config_error
from monitor.notifiers.plugins.sms_parts import sms_parts
from monitor.notifiers.plugins.template import Condition, checked_template, escaping, fill

_FIELDS = frozenset({"title", "body", "text", "level"})
_JSON_BODY = '{"title":"$title","body":"$body","level":"$level"}'
_JSON_BODY_AND_FILES = '{"title":"$title","body":"$body","level":"$level","attachments":$attachments}'


class _Request:
    """What is asked, and when the answer is a yes."""

    def __init__(self, url: Url, body: str, fields: frozenset[str], faults: Faults) -> None:
        def template(name: str, text: str) -> Template:
            return faults.tried(lambda: checked_template(name, text, fields), Template(""))

        def condition(name: str) -> Condition | None:
            text = url.take(name)
            return faults.tried(lambda: Condition.parse(name, text), None) if text else None

        secure = url.scheme.endswith("s")
        self.method = faults.tried(lambda: url.choice("method", "POST", ("POST", "PUT", "GET")), "POST")
        self.type = url.take("type", "application/json")
        self.charset = faults.tried(lambda: _charset(url.take("charset", "utf-8")), "utf-8")
        self.body = template("body", url.take("body", body))
        self.address = template(
            "url", f"{'https' if secure else 'http'}://{url.address}{url.raw_path or '/'}"
        )
        self.query = {name: template(f"query.{name}", value) for name, value in url.rest("query.").items()}
        self.headers = url.rest("header.")
        if url.user and url.password:
            self.headers["Authorization"] = f"Basic {_base64(f'{url.user}:{url.password}')}"
        self.success = condition("success")
        self.permanent = condition("permanent")
        if "json" in self.type and self.body.template.lstrip()[:1] in ("{", "["):
            faults.tried(lambda: _holds_as_json(self.body, fields), None)

    def ask(
        self, values: dict[str, str], wire: Wire, body: Template | None = None, files: str = "[]"
    ) -> None:
        escape = escaping(self.type)
        written = {name: escape(value) for name, value in values.items()} | {"attachments": files}
        data = (body or self.body).substitute(written).encode(self.charset, "replace")
        response = wire.request(
            self.method,
            fill(self.address, values, lambda value: quote(value, safe="")),
            params={name: _plain(template, values) for name, template in self.query.items()},
            data=None if self.method == "GET" else data,
            headers={"Content-Type": f"{self.type}; charset={self.charset}"} | self.headers,
        )
        if self.permanent and self.permanent.holds(response, self.charset):
            raise Refused(Outcome.PERMANENT, str(response.status_code), words(response))
        check_status(response)
        if self.success and not self.success.holds(response, self.charset):
            raise Refused(Outcome.TEMPORARY, str(response.status_code), f"refused: {words(response)}")


def _charset(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError as error:
        raise config_error(f"charset={name!r} is not known; write utf-8 or gb18030") from error
    return name


def _holds_as_json(body: Template, fields: frozenset[str]) -> None:
    """A body that is no JSON would only be found out by the first message that the gateway refuses."""
    values = dict.fromkeys(fields, "1") | {"text": "a", "title": "a", "body": "a", "attachments": "[]"}
    try:
        json.loads(body.substitute(values))
    except ValueError as error:
        raise config_error(
            f'body= is no JSON once it is filled in: {error}; write "$text" in quotes'
        ) from error


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _plain(template: Template, values: dict[str, str]) -> str:
    return fill(template, values, lambda value: value)


class Webhook:
    """Without ``success`` any 2xx is a yes. Attachments go out in JSON bodies only."""

    name = "webhook"
    schemes = ("webhook", "webhooks")

    def __init__(self, url: Url) -> None:
        faults = Faults()
        self._request = _Request(url, _JSON_BODY, _FIELDS | {"attachments"}, faults)
        faults.tell()
        self._is_standard = self._request.body.template == _JSON_BODY

    def deliver(self, message: Message, wire: Wire) -> str:
        body = Template(_JSON_BODY_AND_FILES) if self._is_standard and message.attachments else None
        self._request.ask(_values(message), wire, body, json.dumps([_file(f) for f in message.attachments]))
        return ""


def _file(file: Enclosed) -> dict[str, str]:
    content = base64.b64encode(Path(file.path).read_bytes()).decode()
    return {"name": file.name, "type": file.media_type, "base64": content}


class SmsGateway:
    """``to=`` the numbers; ``success`` must be given: gateways answer 200 to refusals."""

    name = "SMS gateway"
    schemes = ("smshttp", "smshttps")

    def __init__(self, url: Url) -> None:
        faults = Faults()
        self._numbers: list[str] = faults.tried(lambda: phone_numbers(url.take("to")), list[str]())
        self._request = _Request(url, "", _FIELDS | {"phone"}, faults)
        faults.tell()
        if self._request.success is None:
            raise config_error('success= is missing, for example success = "code == 0" or success = "~^OK"')
        if not self._request.body.template and not self._request.query:
            raise config_error(
                'body= is missing, for example body = \'{"mobile":"$phone","content":"$text"}\''
            )

    def deliver(self, message: Message, wire: Wire) -> str:
        values = _values(message)
        count = each(
            self._numbers,
            wire,
            lambda number: self._request.ask(values | {"phone": number.removeprefix("+86")}, wire),
        )
        return f"{count} × {sms_parts(message.text)}: {all_masked(self._numbers)}"


def _values(message: Message) -> dict[str, str]:
    return {"title": message.title, "body": message.body, "text": message.text, "level": message.level}
