"""Strict local fakes of the services that messages go through.

They check what the real ones check (key, signature, time stamp, content type, size, rate, fields) and refuse
with the real codes. ``Mode`` adds the ways in which a network and a server misbehave.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
TOKEN = "566cc69da782ec33e42542b0f08551f0"
SIGN_SECRET = "SEC000000000000000000000fake"
ALI_ID, ALI_SECRET = "testId", "testSecret"
TENCENT_ID, TENCENT_KEY = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"


class Mode(Enum):
    GOOD = "good"
    HANG = "hang"
    DRIP = "drip"
    ERROR_500 = "500"
    TOO_MANY_429 = "429"
    RESET = "reset"
    REDIRECT = "redirect"
    LOGIN_PAGE = "login page"
    """HTTP 200 with a page that some proxy put in between."""
    HUGE = "huge"
    """HTTP 200 with a body that does not end."""
    EMPTY = "empty"


@dataclass(slots=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Fake:
    """One running fake. ``forced`` replaces the check by an answer of one's own."""

    base: str
    mode: Mode = Mode.GOOD
    forced: tuple[int, dict[str, Any]] | None = None
    per_minute: int = 20
    taken: list[str] = field(default_factory=list)
    """The texts that were accepted."""
    asked: list[Asked] = field(default_factory=list)
    failing_numbers: dict[str, str] = field(default_factory=dict)
    """Phone numbers and the code they are refused with."""
    recent: deque[float] = field(default_factory=deque)
    stop: threading.Event = field(default_factory=threading.Event)

    def too_often(self) -> bool:
        now = time.monotonic()
        while self.recent and self.recent[0] < now - 60:
            self.recent.popleft()
        if len(self.recent) >= self.per_minute:
            return True
        self.recent.append(now)
        return False


Answer = tuple[int, dict[str, Any]]
Service = Callable[[Fake, Asked], Answer]


def wecom(fake: Fake, asked: Asked) -> Answer:
    """developer.work.weixin.qq.com/document/path/91770"""

    def say(code: int, text: str) -> Answer:
        return 200, {"errcode": code, "errmsg": text}

    if asked.path != "/cgi-bin/webhook/send" or asked.method != "POST":
        return 404, {}
    if asked.query.get("key") != KEY:
        return say(93000, "invalid webhook url, hint: [1234], from ip: 127.0.0.1")
    if "application/json" not in asked.headers.get("content-type", ""):
        return say(44004, "empty content")
    try:
        message = asked.json()
    except ValueError:
        return say(40008, "invalid message type")
    if message.get("msgtype") != "text":
        return say(40008, "invalid message type")
    content = message.get("text", {}).get("content", "")
    if not content:
        return say(44004, "empty content")
    if len(content.encode()) > 2048:
        return say(40058, "text.content exceed max length 2048. invalid Request Parameter")
    if fake.too_often():
        return say(45009, "api freq out of limit, hint: [1234]")
    fake.taken.append(content)
    return say(0, "ok")


def dingtalk(fake: Fake, asked: Asked) -> Answer:
    """open.dingtalk.com/document/robots/custom-robot-access, a signed robot"""

    def say(code: int, text: str) -> Answer:
        return 200, {"errcode": code, "errmsg": text}

    if asked.path != "/robot/send" or asked.method != "POST":
        return 404, {}
    if asked.query.get("access_token") != TOKEN:
        return say(300001, "token is not exist")
    if "application/json" not in asked.headers.get("content-type", ""):
        return say(43004, "需要在header中设置Content-Type为application/json")
    stamp = asked.query.get("timestamp", "")
    if not stamp.isdigit() or abs(int(stamp) - time.time() * 1000) > 3_600_000:
        return say(310000, "description:invalid timestamp;solution:the timestamp should be within 1 hour")
    text = f"{stamp}\n{SIGN_SECRET}"
    sign = base64.b64encode(hmac.new(SIGN_SECRET.encode(), text.encode(), hashlib.sha256).digest()).decode()
    if asked.query.get("sign") != sign:
        return say(310000, "description:sign not match;solution:check the sign")
    message = asked.json()
    if message.get("msgtype") != "text" or not message.get("text", {}).get("content"):
        return say(40035, "缺少参数 json")
    if fake.too_often():
        return say(130101, "send too fast, exceed 20 times per minute")
    fake.taken.append(message["text"]["content"])
    return say(0, "ok")


def feishu(fake: Fake, asked: Asked) -> Answer:
    """open.feishu.cn/document/client-docs/bot-v3/add-custom-bot, a signed robot"""

    def say(code: int, text: str) -> Answer:
        return 200, {"code": code, "data": {}, "msg": text}

    if not asked.path.startswith("/open-apis/bot/v2/hook/"):
        return 404, {}
    if asked.path != f"/open-apis/bot/v2/hook/{TOKEN}":
        return say(19001, "param invalid: incoming webhook access token invalid")
    try:
        message = asked.json()
    except ValueError:
        return 400, {"code": 9499, "msg": "Bad Request", "data": {}}
    if message.get("msg_type") != "text" or not message.get("content", {}).get("text"):
        return 400, {"code": 9499, "msg": "Bad Request", "data": {}}
    stamp = str(message.get("timestamp", ""))
    key = f"{stamp}\n{SIGN_SECRET}".encode()
    sign = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    if not stamp.isdigit() or abs(int(stamp) - time.time()) > 3600 or message.get("sign") != sign:
        return say(19021, "sign match fail or timestamp is not within one hour from current time")
    if fake.too_often():
        return say(11232, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]")
    fake.taken.append(message["content"]["text"])
    return 200, {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}


def serverchan(fake: Fake, asked: Asked) -> Answer:
    if asked.path != f"/{TOKEN}.send":
        return 400, {"code": 40001, "message": "[AUTH]错误的Key", "info": "错误的Key", "args": [None]}
    title, text = asked.json().get("title"), asked.json().get("desp")
    if not title or len(title) > 32:
        return 400, {"code": 40001, "message": "[INPUT]title不能为空或过长", "info": "", "args": [None]}
    fake.taken.append(text)
    return 200, {
        "code": 0,
        "message": "",
        "data": {"pushid": "1", "readkey": "r", "error": "SUCCESS", "errno": 0},
    }


def pushplus(fake: Fake, asked: Asked) -> Answer:
    message = asked.json()
    if message.get("token") != TOKEN:
        return 200, {"code": 903, "msg": "无效的用户token", "data": None}
    if not message.get("content"):
        return 200, {"code": 600, "msg": "数据异常，操作失败", "data": None}
    fake.taken.append(message["content"])
    return 200, {"code": 200, "msg": "请求成功", "data": "6a7b8c"}


def wxpusher(fake: Fake, asked: Asked) -> Answer:
    message = asked.json()
    if message.get("appToken") != TOKEN:
        return 200, {"code": 1002, "msg": "appToken不正确", "data": None, "success": False}
    if not message.get("content") or not (message.get("uids") or message.get("topicIds")):
        return 200, {"code": 1001, "msg": "uids和topicIds不能都为空", "data": None, "success": False}
    data = []
    for uid in message["uids"]:
        code = fake.failing_numbers.get(uid)
        status = "用户已取消关注" if code else "创建发送任务成功"
        data.append(
            {"uid": uid, "topicId": None, "messageId": 1, "code": int(code or 1000), "status": status}
        )
    data += [
        {"uid": None, "topicId": topic, "messageId": 2, "code": 1000, "status": "创建发送任务成功"}
        for topic in message["topicIds"]
    ]
    fake.taken.append(message["content"])
    return 200, {"code": 1000, "msg": "处理成功", "data": data, "success": True}


def qmsg(fake: Fake, asked: Asked) -> Answer:
    if asked.path != f"/send/{TOKEN}":
        return 200, {"success": False, "reason": "Key不存在", "code": 500, "info": {}}
    text = parse_qs(asked.body.decode()).get("msg", [""])[0]
    if not text:
        return 200, {"success": False, "reason": "消息内容不能为空", "code": 500, "info": {}}
    fake.taken.append(text)
    return 200, {"success": True, "reason": "操作成功", "code": 0, "info": {}}


def pushdeer(fake: Fake, asked: Asked) -> Answer:
    message = asked.json()
    if message.get("pushkey") != TOKEN:
        return 200, {"code": 0, "content": {"result": []}}
    fake.taken.append(message["text"] + message.get("desp", ""))
    return 200, {"code": 0, "content": {"result": ['{"counter":1,"logs":[],"success":"ok"}']}}


def aliyun(fake: Fake, asked: Asked) -> Answer:
    """SendSms 2017-05-25; the signature is made anew, from the parameters as they came."""

    def say(code: str, text: str, status: int = 200) -> Answer:
        return status, {"Code": code, "Message": text, "RequestId": "873043AC-BCDA-44DB-9052-2E204C6ED20F"}

    pairs = dict(parse_qsl(asked.body.decode(), keep_blank_values=True, strict_parsing=True))
    sign = pairs.pop("Signature", "")

    def enc(text: str) -> str:
        return quote(text, safe="~")

    canonical = "&".join(f"{enc(k)}={enc(v)}" for k, v in sorted(pairs.items()))
    text = f"{asked.method}&{enc('/')}&{enc(canonical)}"
    right = base64.b64encode(
        hmac.new(f"{ALI_SECRET}&".encode(), text.encode(), hashlib.sha1).digest()
    ).decode()
    if pairs.get("AccessKeyId") != ALI_ID:
        return say("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
    if sign != right:
        return say("SignatureDoesNotMatch", "Specified signature is not matched with our calculation.", 400)
    if pairs.get("Action") != "SendSms" or pairs.get("Version") != "2017-05-25":
        return say("InvalidAction.NotFound", "Specified api is not found", 404)
    if pairs.get("SignName") != "城东视频运维":
        return say("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法")
    if pairs.get("TemplateCode") != "SMS_71390007":
        return say("isv.SMS_TEMPLATE_ILLEGAL", "短信模版不合法")
    values = json.loads(pairs["TemplateParam"])
    if set(values) != {"what", "more"}:
        return say("isv.TEMPLATE_MISSING_PARAMETERS", "模版缺少变量")
    if any(not value or len(value) > 35 or "【" in value or "\n" in value for value in values.values()):
        return say("isv.PARAM_LENGTH_LIMIT", "参数超过长度限制")
    number = pairs["PhoneNumbers"]
    if not (number.isdigit() and len(number) == 11):
        return say("isv.MOBILE_NUMBER_ILLEGAL", "非法手机号")
    if number in fake.failing_numbers:
        return say(fake.failing_numbers[number], "触发号码天级流控")
    fake.taken.append(f"{number} {''.join(values.values())}")
    return 200, {"Code": "OK", "Message": "OK", "BizId": "900619746936498440^0", "RequestId": "F655A8D5"}


def tencent(fake: Fake, asked: Asked) -> Answer:
    """SendSms 2021-01-11; TC3-HMAC-SHA256 from the headers as they came."""

    def refuse(code: str, text: str) -> Answer:
        return 200, {"Response": {"Error": {"Code": code, "Message": text}, "RequestId": "a0aabda6"}}

    authorization = asked.headers.get("authorization", "")
    kind, _, rest = authorization.partition(" ")
    fields = dict(item.strip().partition("=")[::2] for item in rest.split(","))
    credential = fields.get("Credential", "").split("/")
    if kind != "TC3-HMAC-SHA256" or len(credential) != 4:
        return refuse("AuthFailure.InvalidAuthorization", "The authorization is invalid")
    if credential[0] != TENCENT_ID:
        return refuse("AuthFailure.SecretIdNotFound", "The SecretId is not found")
    stamp = asked.headers["x-tc-timestamp"]
    if abs(int(stamp) - time.time()) > 300:
        return refuse("AuthFailure.SignatureExpire", "The provided credentials have expired")
    signed = fields["SignedHeaders"].split(";")
    lines = "".join(f"{name}:{asked.headers[name].strip().lower()}\n" for name in signed)
    canonical = f"POST\n/\n\n{lines}\n{';'.join(signed)}\n{hashlib.sha256(asked.body).hexdigest()}"
    scope = "/".join(credential[1:])
    text = f"TC3-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"TC3{TENCENT_KEY}".encode()
    for part in credential[1:]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if hmac.new(key, text.encode(), hashlib.sha256).hexdigest() != fields.get("Signature"):
        return refuse("AuthFailure.SignatureFailure", "The provided credentials could not be validated")
    if asked.headers.get("x-tc-action") != "SendSms" or asked.headers.get("x-tc-version") != "2021-01-11":
        return refuse("InvalidAction", "The request action is invalid")
    message = asked.json()
    statuses = []
    for number in message["PhoneNumberSet"]:
        code = fake.failing_numbers.get(number, "Ok")
        if not number.startswith("+86"):
            code = "FailedOperation.PhoneNumberInBlacklist"
        statuses.append(
            {"SerialNo": "5000:1", "PhoneNumber": number, "Fee": 1, "Code": code, "Message": code.lower()}
        )
        if code == "Ok":
            fake.taken.append(f"{number} {''.join(message['TemplateParamSet'])}")
    return 200, {"Response": {"SendStatusSet": statuses, "RequestId": "a0aabda6"}}


def gateway(fake: Fake, asked: Asked) -> Answer:
    """An operator's HTTP gateway as they are: GB18030, HTTP 200 always, the code in the body."""
    if asked.headers.get("x-account") != TOKEN:
        return 200, {"code": "3", "msg": "account error"}
    if "charset=gb18030" not in asked.headers.get("content-type", ""):
        return 200, {"code": "7", "msg": "charset"}
    fields = dict(parse_qsl(asked.body.decode("ascii"), encoding="utf-8"))
    if fields["mobile"] in fake.failing_numbers:
        return 200, {"code": fake.failing_numbers[fields["mobile"]], "msg": "refused"}
    fake.taken.append(f"{fields['mobile']} {fields['content']}")
    return 200, {"code": "0", "msg": "ok"}


def plain_hook(fake: Fake, asked: Asked) -> Answer:
    fake.taken.append(asked.body.decode())
    return 200, {}


@contextmanager
def serving(service: Service) -> Iterator[Fake]:
    """The fake on a port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            _handle(self, fake, service)

        do_GET = do_PUT = do_POST

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            """A client that is killed in mid-answer is what these tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    fake = Fake(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        fake.stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handle(handler: BaseHTTPRequestHandler, fake: Fake, service: Service) -> None:
    split = urlsplit(handler.path)
    asked = Asked(
        handler.command,
        split.path,
        dict(parse_qsl(split.query)),
        {key.lower(): value for key, value in handler.headers.items()},
        handler.rfile.read(int(handler.headers.get("Content-Length", 0))),
    )
    fake.asked.append(asked)
    if fake.mode is Mode.HANG:
        fake.stop.wait(30)
        handler.close_connection = True
    elif fake.mode is Mode.DRIP:
        _drip(handler, fake)
    elif fake.mode is Mode.RESET:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        handler.close_connection = True
    elif fake.mode is Mode.ERROR_500:
        _reply(handler, 500, b'{"errcode":0,"code":0}')
    elif fake.mode is Mode.TOO_MANY_429:
        _reply(handler, 429, b"slow down", {"Retry-After": "17"})
    elif fake.mode is Mode.REDIRECT:
        _reply(handler, 302, b"", {"Location": f"{fake.base}/elsewhere"})
    elif fake.mode is Mode.LOGIN_PAGE:
        _reply(handler, 200, b"<html>Please log in</html>", {"Content-Type": "text/html"})
    elif fake.mode is Mode.EMPTY:
        _reply(handler, 200, b"")
    elif fake.mode is Mode.HUGE:
        _endless(handler, fake)
    else:
        status, body = fake.forced or service(fake, asked)
        _reply(handler, status, json.dumps(body, ensure_ascii=False).encode())


def _reply(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    handler.send_response(status)
    for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _drip(handler: BaseHTTPRequestHandler, fake: Fake) -> None:
    """A byte now and then: no read ever times out, and no answer ever comes."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not fake.stop.wait(0.05):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def _endless(handler: BaseHTTPRequestHandler, fake: Fake) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    handler.close_connection = True
    while not fake.stop.is_set():
        handler.wfile.write(b'{"errcode":0,"code":0,' * 4096)
