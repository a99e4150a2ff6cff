"""Tencent Cloud SMS (腾讯云短信): ``tencentsms://{id}:{key}@sms.tencentcloudapi.com``.

Options: ``app`` (SdkAppId), ``sign`` (短信签名), ``template`` (its number), ``to``, ``region``, and
``param.1``, ``param.2`` … in the template's order. SendSms of 2021-01-11, signed with TC3-HMAC-SHA256
(cloud.tencent.com/document/api/382/55981 and 382/52072).
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import requests

from monitor.clock import SystemClock
from monitor.notifiers.plugins.answer import Codes, json_body, json_object, objects
from monitor.notifiers.plugins.chunks import Variables
from monitor.notifiers.plugins.recipients import all_masked, each, phone_numbers
from monitor.notifiers.plugins.service import Message, Url, Wire, config_error
from monitor.notifiers.plugins.sms_parts import sms_parts

_TYPE = "application/json; charset=utf-8"
_CODES = Codes(
    ok="Ok",
    temporary=frozenset(
        {"RequestLimitExceeded", "InternalError", "InternalError.Timeout", "InternalError.OtherError"}
        | {"InternalError.SendAndRecvFail", "InternalError.RestApiInterfaceNotExist", "ResourceUnavailable"}
        | {"LimitExceeded.PhoneNumberThirtySecondLimit", "LimitExceeded.PhoneNumberOneHourLimit"}
        | {"LimitExceeded.PhoneNumberDailyLimit", "LimitExceeded.DeliveryFrequencyLimit"}
        | {"LimitExceeded.AppDailyLimit", "FailedOperation.InsufficientBalanceInSmsPackage"}
    ),
    retry_after_s={
        "LimitExceeded.PhoneNumberThirtySecondLimit": 30.0,
        "LimitExceeded.PhoneNumberOneHourLimit": 900.0,
        "LimitExceeded.PhoneNumberDailyLimit": 3600.0,
        "LimitExceeded.AppDailyLimit": 3600.0,
    },
)


def signature(secret: str, service: str, host: str, body: bytes, timestamp_s: int) -> str:
    """TC3-HMAC-SHA256 over content type, host and body, in hexadecimal."""
    date = f"{datetime.fromtimestamp(timestamp_s, UTC):%Y-%m-%d}"
    canonical = "\n".join(
        ("POST", "/", "", f"content-type:{_TYPE}", f"host:{host}", "", "content-type;host", _sha256(body))
    )
    text = "\n".join(
        ("TC3-HMAC-SHA256", str(timestamp_s), f"{date}/{service}/tc3_request", _sha256(canonical.encode()))
    )
    key = f"TC3{secret}".encode()
    for step in (date, service, "tc3_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class TencentSms:
    name = "Tencent Cloud SMS"
    schemes = ("tencentsms",)

    def __init__(self, url: Url) -> None:
        if not url.user or not url.password:
            raise config_error("write tencentsms://{id}:{key}@sms.tencentcloudapi.com")
        self._id, self._secret, self._host = url.user, url.password, url.host
        self._base = url.base(f"https://{url.address}")
        self._numbers = phone_numbers(url.take("to"))
        self._app, self._sign, self._template = url.need("app"), url.need("sign"), url.need("template")
        self._region = url.take("region", "ap-guangzhou")
        self._variables = Variables(url)

    def deliver(self, message: Message, wire: Wire) -> str:
        numbers = [number for number in self._numbers if not wire.is_delivered(("to", number))]
        filled = self._variables.fill(message)
        try:
            ordered = [filled[name] for name in sorted(filled, key=int)]
        except ValueError as error:
            raise config_error("Tencent's variables are numbered: param.1, param.2 …") from error
        body = json_body(
            {
                "PhoneNumberSet": numbers,
                "SmsSdkAppId": self._app,
                "SignName": self._sign,
                "TemplateId": self._template,
                "TemplateParamSet": ordered,
            }
        )
        answer = json_object(self._post(body, wire), read_4xx=True).get("Response")
        if not isinstance(answer, dict):
            raise _CODES.refusal("", "no Response in the answer")
        whole = answer.get("Error")
        if isinstance(whole, dict):
            raise _CODES.refusal(str(whole.get("Code", "")), whole.get("Message"))
        _check_each(answer.get("SendStatusSet"), numbers, wire)
        parts = f"{len(self._numbers)} × {sms_parts(''.join(ordered))} and the template's own text"
        return f"{parts}: {all_masked(self._numbers)}"

    def _post(self, body: bytes, wire: Wire) -> requests.Response:
        now = SystemClock().now().wall // 1000
        date = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}"
        signed = signature(self._secret, "sms", self._host, body, now)
        return wire.request(
            "POST",
            f"{self._base}/",
            data=body,
            headers={
                "Authorization": f"TC3-HMAC-SHA256 Credential={self._id}/{date}/sms/tc3_request, "
                f"SignedHeaders=content-type;host, Signature={signed}",
                "Content-Type": _TYPE,
                "Host": self._host,
                "X-TC-Action": "SendSms",
                "X-TC-Version": "2021-01-11",
                "X-TC-Timestamp": str(now),
                "X-TC-Region": self._region,
            },
        )


def _check_each(statuses: object, numbers: list[str], wire: Wire) -> None:
    told = {entry.get("PhoneNumber"): entry for entry in objects(statuses)}

    def check(number: str) -> None:
        entry = told.get(number, {})
        _CODES.check(entry.get("Code"), entry.get("Message") or "no status for this number")

    each(numbers, wire, check)
