"""A refusal is never reported as a success: every service, every code, every way to misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from monitor.notifiers.courier.client import Courier
from monitor.notifiers.notice import Outcome
from tests import notify_fakes as fakes
from tests.notify_fakes import Mode, serving
from tests.notify_support import channel, service_channel, wecom

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "重要：城东 在线率 94.8%，低于 96%，离线 104/2000 台，今天 05:39 起，已6分钟 #413"
SERVICES = (
    fakes.wecom,
    fakes.dingtalk,
    fakes.feishu,
    fakes.serverchan,
    fakes.pushplus,
    fakes.wxpusher,
    fakes.qmsg,
    fakes.pushdeer,
    fakes.aliyun,
    fakes.tencent,
    fakes.gateway,
    fakes.plain_hook,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def courier() -> AsyncIterator[Courier]:
    courier = Courier()
    await courier.start()
    yield courier
    await courier.stop()


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.__name__)
async def test_a_good_service_takes_the_message_whole(
    courier: Courier, tmp_path: Path, service: fakes.Service
) -> None:
    with serving(service) as fake:
        report = await courier.send(service_channel(tmp_path, service, fake.base), "标题", TEXT)
    assert report.outcome is Outcome.DELIVERED, report
    assert any("在线率 94.8%" in text for text in fake.taken)


OK, T, P = Outcome.DELIVERED, Outcome.TEMPORARY, Outcome.PERMANENT
WE = [(c, T) for c in (-1, 45009, 45033)]
WE += [(c, P) for c in (93000, 40008, 40014, 40035, 40058, 44004, 45002, 48002, 60020, 301019)]
DING = [(c, T) for c in (-1, 130101, 410100)] + [
    (c, P) for c in (310000, 300001, 40035, 43004, 400013, 400101)
]
FEI = [(c, T) for c in (11232, 11247)] + [(c, P) for c in (9499, 19001, 19002, 19021, 19022, 19024, 19036)]
PLUS = [(c, T) for c in (500, 900, 999)] + [
    (c, P) for c in (302, 401, 403, 404, 600, 805, 888, 903, 905, 0, 1)
]
WX = [(c, T) for c in (1005, 1006, 1007, 1009)] + [(c, P) for c in (1001, 1002, 1003, 1004, 1008, 0, 200)]
ALI = [
    (c, T)
    for c in ("isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL", "isp.SYSTEM_ERROR", "Throttling.User")
]
ALI += [
    (c, P)
    for c in (
        "isv.MOBILE_NUMBER_ILLEGAL",
        "isv.SMS_SIGNATURE_ILLEGAL",
        "isv.SMS_TEMPLATE_ILLEGAL",
        "isv.INVALID_PARAMETERS",
        "isv.BLACK_KEY_CONTROL_LIMIT",
        "isp.RAM_PERMISSION_DENY",
        "SignatureDoesNotMatch",
        "ok",
    )
]
TEN = [(c, T) for c in ("RequestLimitExceeded", "InternalError.Timeout")] + [
    (c, P)
    for c in (
        "AuthFailure.SignatureFailure",
        "FailedOperation.TemplateIncorrectOrUnapproved",
        "FailedOperation.SignatureIncorrectOrUnapproved",
        "UnauthorizedOperation.SmsSdkAppIdVerifyFail",
    )
]
CODES = (
    [(fakes.wecom, {"errcode": c, "errmsg": "no"}, o) for c, o in WE]
    + [(fakes.dingtalk, {"errcode": c, "errmsg": "no"}, o) for c, o in DING]
    + [(fakes.feishu, {"code": c, "msg": "no", "data": {}}, o) for c, o in FEI]
    + [(fakes.feishu, {"StatusCode": c, "StatusMessage": "no"}, o) for c, o in FEI]
    + [
        (fakes.serverchan, {"code": 40001, "message": "[AUTH]错误的Key"}, P),
        (fakes.serverchan, {"code": 40001, "message": "[AUTH]超过当天的发送次数限制[5]"}, T),
        (fakes.serverchan, {"code": 0, "message": "", "data": {"error": "bad", "errno": 1024}}, P),
        (fakes.serverchan, {"errno": 1024, "errmsg": "不要重复发送同样的内容"}, P),
    ]
    + [(fakes.pushplus, {"code": c, "msg": "no", "data": None}, o) for c, o in PLUS]
    + [(fakes.wxpusher, {"code": c, "msg": "no", "data": None}, o) for c, o in WX]
    + [(fakes.wxpusher, {"code": 1000, "msg": "处理成功", "data": []}, T)]
    + [
        (fakes.qmsg, {"success": False, "reason": "Key不存在", "code": 500}, T),
        (fakes.qmsg, {"success": False, "reason": "no", "code": 0}, T),
        (fakes.qmsg, {"success": True, "reason": "no", "code": 500}, P),
        (fakes.pushdeer, {"code": 80501, "error": "推送失败"}, P),
        (fakes.pushdeer, {"code": 0, "content": {"result": []}}, P),
        (fakes.pushdeer, {"code": 0, "content": {"result": ['{"counter":1,"success":"fail"}']}}, P),
        (fakes.pushdeer, {"code": 0}, P),
    ]
    + [(fakes.aliyun, {"Code": c, "Message": "no"}, o) for c, o in ALI]
    + [(fakes.tencent, {"Response": {"Error": {"Code": c, "Message": "no"}}}, o) for c, o in TEN]
    + [
        (fakes.tencent, {"Response": {"SendStatusSet": []}}, T),
        (fakes.tencent, {"Response": {}}, T),
        (fakes.gateway, {"code": "3"}, P),
        (fakes.gateway, {"code": "12"}, T),
        (fakes.gateway, {"msg": "ok"}, T),
    ]
    # The success of another shape: a bool, a float, a list or nothing where the code should be.
    + [(fakes.wecom, body, T) for body in ({}, {"errcode": None}, {"errcode": False}, {"errcode": [0]})]
    + [(fakes.dingtalk, {"errmsg": "ok"}, T), (fakes.feishu, {"msg": "success"}, T)]
)


async def test_no_error_code_of_any_service_is_a_success(courier: Courier, tmp_path: Path) -> None:
    """Zero false successes, and permanent and temporary refusals told apart."""

    async def try_all(service: fakes.Service) -> int:
        with serving(service) as fake:
            target = service_channel(tmp_path, service, fake.base)
            answers = [(body, outcome) for s, body, outcome in CODES if s is service]
            for forced, expected in answers:
                fake.forced = (200, forced)
                report = await courier.send(target, "标题", TEXT)
                assert report.outcome is expected, (service.__name__, forced, report)
        return len(answers)

    tried = await asyncio.gather(*(try_all(service) for service in SERVICES))
    assert sum(tried) == len(CODES)


async def test_a_server_or_network_that_misbehaves_is_no_success(courier: Courier, tmp_path: Path) -> None:
    async def try_all(service: fakes.Service) -> None:
        with serving(service) as fake:
            target = service_channel(tmp_path, service, fake.base, deadline="60s", timeout="30s")
            for mode in (Mode.ERROR_500, Mode.RESET, Mode.TOO_MANY_429, Mode.REDIRECT):
                fake.mode = mode
                report = await courier.send(target, "标题", TEXT)
                assert report.outcome is (P if mode is Mode.REDIRECT else T), (service.__name__, mode, report)
                if mode is Mode.TOO_MANY_429:
                    assert (report.code, report.retry_after_s) == ("429", 17.0)
            if service is not fakes.plain_hook:  # a webhook without success= takes any 2xx for a yes
                for mode in (Mode.LOGIN_PAGE, Mode.EMPTY, Mode.HUGE):
                    fake.mode = mode
                    report = await courier.send(target, "标题", TEXT)
                    assert report.outcome is T, (service.__name__, mode, report)
        assert not fake.taken
        assert all(asked.path != "/elsewhere" for asked in fake.asked)

    await asyncio.gather(*(try_all(service) for service in SERVICES))


async def test_wrong_keys_and_signatures_are_refused_for_good(courier: Courier, tmp_path: Path) -> None:
    token, wrong = {"token": fakes.TOKEN}, {"token": "0" * 32}
    bad_sign = token | {"secret": "SECwrong"}
    cases = (
        (fakes.wecom, "wecombot://{token}?at=", wrong, "93000"),
        (fakes.dingtalk, "dingtalk://{secret}@{token}?at=", bad_sign, "310000"),
        (fakes.dingtalk, "dingtalk://{token}?at=", token, "310000"),
        (fakes.dingtalk, "dingtalk://{token}?at=", wrong, "300001"),
        (fakes.feishu, "feishu://{secret}@{token}?at=", bad_sign, "19021"),
        (fakes.feishu, "feishu://{token}?at=", wrong, "19001"),
        (fakes.serverchan, "schan://{token}?at=", wrong, "40001"),
        (fakes.pushplus, "pushplus://{token}?at=", wrong, "903"),
        (fakes.wxpusher, "wxpusher://{token}/UID_a?at=", wrong, "1002"),
        (fakes.pushdeer, "pushdeer://{token}?at=", wrong, "0"),
    )
    for service, url, secrets, code in cases:
        with serving(service) as fake:
            report = await courier.send(channel(tmp_path, url + fake.base, secrets), "标题", TEXT)
            assert (report.outcome, report.code) == (P, code), (url, report)


async def test_too_many_a_minute_is_a_reason_to_wait(courier: Courier, tmp_path: Path) -> None:
    with serving(fakes.wecom) as fake:
        fake.per_minute = 2
        target = wecom(tmp_path, fake.base)
        outcomes = [(await courier.send(target, "", TEXT)) for _ in range(3)]
    assert [report.outcome for report in outcomes] == [OK, OK, T]
    assert (outcomes[2].code, outcomes[2].retry_after_s) == ("45009", 60.0)


async def test_a_long_message_is_cut_by_bytes_at_line_ends_and_nothing_is_lost(
    courier: Courier, tmp_path: Path
) -> None:
    body = "\n".join(f"第{n}台 东门{n}号球机 无应答 今天 03:12" for n in range(150))
    with serving(fakes.wecom) as fake:
        report = await courier.send(wecom(tmp_path, fake.base), "标题", body)
    assert report.outcome is OK
    assert report.posts == len(fake.taken) > 1
    assert all(len(part.encode()) <= 2048 for part in fake.taken)
    joined = "\n".join(part.rpartition(" (")[0] for part in fake.taken)
    assert joined.replace("\r\n", "\n") == f"标题\n{body}"


async def test_a_second_attempt_sends_only_the_parts_that_were_not_taken(
    courier: Courier, tmp_path: Path
) -> None:
    body = "台" * 2000
    with serving(fakes.wecom) as fake:
        fake.per_minute = 2
        first = await courier.send(wecom(tmp_path, fake.base), "", body)
        assert (first.outcome, len(fake.taken)) == (T, 2)
        fake.per_minute = 20
        second = await courier.send(wecom(tmp_path, fake.base), "", body, done=first.done)
    assert second.outcome is OK
    texts = [part.rpartition(" (")[0] for part in fake.taken]
    assert "".join(texts) == body


@pytest.mark.parametrize(
    ("service", "refused", "code", "first"),
    [
        (fakes.aliyun, "13900000002", "isv.BUSINESS_LIMIT_CONTROL", T),
        (fakes.aliyun, "13900000002", "isv.MOBILE_NUMBER_ILLEGAL", P),
        (fakes.tencent, "+8613900000002", "LimitExceeded.PhoneNumberThirtySecondLimit", T),
        (fakes.tencent, "+8613900000002", "FailedOperation.PhoneNumberInBlacklist", P),
        (fakes.gateway, "13900000002", "12", T),
        (fakes.wxpusher, "UID_b", "1001", P),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_one_refused_recipient_is_told_and_the_others_are_not_told_twice(
    courier: Courier, tmp_path: Path, service: fakes.Service, refused: str, code: str, first: Outcome
) -> None:
    with serving(service) as fake:
        fake.failing_numbers[refused] = code
        target = service_channel(tmp_path, service, fake.base)
        report = await courier.send(target, "", TEXT)
        assert report.outcome is first, report
        assert "1 of " in report.detail and "13900000002" not in report.detail
        fake.failing_numbers.clear()
        again = await courier.send(target, "", TEXT, done=report.done)
    assert again.outcome is OK, again
    if service is not fakes.wxpusher:
        assert sorted(text.split()[0][-11:] for text in fake.taken) == ["13800000001", "13900000002"]


async def test_the_cost_of_a_short_message_is_reported(courier: Courier, tmp_path: Path) -> None:
    with serving(fakes.gateway) as fake:
        report = await courier.send(service_channel(tmp_path, fakes.gateway, fake.base), "", "台" * 71)
    assert report.detail == "2 × 2 parts (UCS-2, 71 characters): 138****0001, 139****0002"
