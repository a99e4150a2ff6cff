"""Collectors: the registry. A new collector is one file beside this one and one line below."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from monitor.collectors.base import Collector

COLLECTORS = {
    "icmp": "monitor.collectors.icmp:IcmpCollector",
    "snmp": "monitor.collectors.snmp.collector:SnmpCollector",
    "onvif": "monitor.collectors.onvif.collector:OnvifCollector",
    "http": "monitor.collectors.http:HttpCollector",
    "tls": "monitor.collectors.tls:TlsCollector",
    "rtsp": "monitor.collectors.rtsp.collector:RtspCollector",
    "tcp": "monitor.collectors.tcp:TcpCollector",
}


def collector_class(check: str) -> type[Collector]:
    """The class that carries out ``check``; imported only when a device uses it."""
    module, _, name = COLLECTORS[check].partition(":")
    return cast("type[Collector]", getattr(import_module(module), name))
