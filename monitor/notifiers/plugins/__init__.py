"""Services of our own, registered with Apprise. A new one is one file beside this one and one line below.

Where Apprise has a plugin of the same scheme, ours takes its place: theirs reports refusals as successes
(HTTP 200 with an error code in the body) or cuts UTF-8 in the wrong place.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from monitor.notifiers.plugins.adapter import apprise_plugin

SERVICES = (
    "monitor.notifiers.plugins.wecom:WeComRobot",
    "monitor.notifiers.plugins.dingtalk:DingTalkRobot",
    "monitor.notifiers.plugins.feishu:FeishuRobot",
    "monitor.notifiers.plugins.feishu:LarkRobot",
    "monitor.notifiers.plugins.serverchan:ServerChan",
    "monitor.notifiers.plugins.pushplus:PushPlus",
    "monitor.notifiers.plugins.wxpusher:WxPusher",
    "monitor.notifiers.plugins.qmsg:Qmsg",
    "monitor.notifiers.plugins.pushdeer:PushDeer",
    "monitor.notifiers.plugins.gateway:Webhook",
    "monitor.notifiers.plugins.gateway:SmsGateway",
    "monitor.notifiers.plugins.aliyun_sms:AliyunSms",
    "monitor.notifiers.plugins.tencent_sms:TencentSms",
    "monitor.notifiers.plugins.modem:GammuSmsd",
    "monitor.notifiers.plugins.modem:SmsTools",
    "monitor.notifiers.plugins.run_command:Command",
)

_plugins: Any = import_module("apprise.plugins").N_MGR


def load_plugins() -> None:
    """Loads Apprise's plugins, then puts ours in place. Costs about a second: once per courier."""
    _plugins.load_modules()
    for entry in SERVICES:
        module, _, name = entry.partition(":")
        _plugins.add(apprise_plugin(getattr(import_module(module), name)), force=True)
