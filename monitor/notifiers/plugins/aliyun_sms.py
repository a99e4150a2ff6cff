"""Aliyun SMS (阿里云短信): ``alisms://{id}:{secret}@dysmsapi.aliyuncs.com``.

Options: ``sign`` (短信签名), ``template`` (``SMS_…``), ``to``, ``param.NAME``, ``region``. SendSms of version
2017-05-25, signed by HMAC-SHA1 (https://help.aliyun.com/document_detail/101343.html). One request per number,
so that each has its own code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from monitor.clock import SystemClock
from monitor.notifiers.plugins.answer import Codes, json_object
from monitor.notifiers.plugins.chunks import Variables
from monitor.notifiers.plugins.recipients import all_masked, each, phone_numbers
from monitor.notifiers.plugins.service import Message, Url, Wire, config_error
from monitor.notifiers.plugins.sms_parts import sms_parts

_CODES = Codes(
    ok="OK",
    temporary=frozenset(
        {"isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL"}
        | {"isv.AMOUNT_NOT_ENOUGH", "isv.OUT_OF_SERVICE", "isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR"}
        | {"Throttling", "Throttling.User", "Throttling.Api", "ServiceUnavailable", "InternalError"}
    ),
    retry_after_s={"isv.BUSINESS_LIMIT_CONTROL": 60.0, "isv.DAY_LIMIT_CONTROL": 3600.0},
)


def signature(method: str, parameters: Mapping[str, str], secret: str) -> str:
    """Base64 of HMAC-SHA1 over the method and the sorted, twice percent-encoded parameters."""
    canonical = "&".join(f"{_encoded(key)}={_encoded(value)}" for key, value in sorted(parameters.items()))
    text = f"{method}&%2F&{_encoded(canonical)}"
    return base64.b64encode(hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()).decode()


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


class AliyunSms:
    name = "Aliyun SMS"
    schemes = ("alisms",)

    def __init__(self, url: Url) -> None:
        if not url.user or not url.password:
            raise config_error("write alisms://{id}:{secret}@dysmsapi.aliyuncs.com")
        self._id, self._secret = url.user, url.password
        self._base = url.base(f"https://{url.address}")
        self._numbers = phone_numbers(url.take("to"))
        self._sign = url.need("sign")
        self._template = url.need("template")
        self._region = url.take("region", "cn-hangzhou")
        self._variables = Variables(url)

    def deliver(self, message: Message, wire: Wire) -> str:
        variables = self._variables.fill(message)
        count = each(self._numbers, wire, lambda number: self._send(number, variables, wire))
        parts = f"{count} × {sms_parts(''.join(variables.values()))} and the template's own text"
        return f"{parts}: {all_masked(self._numbers)}"

    def _send(self, number: str, variables: dict[str, str], wire: Wire) -> None:
        now = datetime.fromtimestamp(SystemClock().now().wall / 1000, UTC)
        parameters = {
            "AccessKeyId": self._id,
            "Action": "SendSms",
            "Format": "JSON",
            "PhoneNumbers": number.removeprefix("+86"),
            "RegionId": self._region,
            "SignName": self._sign,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": secrets.token_hex(16),
            "SignatureVersion": "1.0",
            "TemplateCode": self._template,
            "TemplateParam": json.dumps(variables, ensure_ascii=False),
            "Timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "Version": "2017-05-25",
        }
        parameters["Signature"] = signature("POST", parameters, self._secret)
        body = "&".join(f"{_encoded(key)}={_encoded(value)}" for key, value in parameters.items())
        answer = json_object(
            wire.request(
                "POST",
                f"{self._base}/",
                data=body.encode(),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            ),
            read_4xx=True,
        )
        _CODES.check(answer.get("Code"), answer.get("Message"))
