"""The rows that SNMP yields: names follow Telegraf's `interface`, `snmp`, `cpu`, `mem`, `disk`, `ups`.

Counters are stored as rates: InfluxQL's own `derivative` turns every restart of a switch into a spike.
"""

from __future__ import annotations

from monitor.storage.schema import Carries, Measurement, Tag, f, i, s

_DEVICE = Carries.DEVICE
_PORT = (
    Tag("ifIndex", "index of the port"),
    Tag("ifName", "name of the port"),
    Tag("ifDescr", "description of the port, as the device has it"),
)

NETWORK = (
    Measurement(
        "snmp",
        "The agent itself (Telegraf `inputs.snmp`).",
        _DEVICE,
        (),
        (
            f("response_ms", "ms", "time of the poll", 3),
            f("uptime_s", "s", "since the agent started", 2),
            s("sysName", "name that the device has for itself"),
            s("sysDescr", "what the device says it is"),
        ),
    ),
    Measurement(
        "interface",
        "Ports (IF-MIB).",
        _DEVICE,
        _PORT,
        (
            i("ifOperStatus", "", "1 up, 2 down, others as in IF-MIB"),
            i("ifAdminStatus", "", "1 up, 2 down"),
            f("ifHighSpeed", "Mbit/s", "speed"),
            f("in_bps", "bit/s", "received", 1),
            f("out_bps", "bit/s", "sent", 1),
            f("in_errors", "1/s", "received with errors", 4),
            f("out_errors", "1/s", "not sent for errors", 4),
            f("in_discards", "1/s", "received and discarded", 4),
            f("out_discards", "1/s", "not sent but discarded", 4),
            f("utilisation", "%", "the busier direction against the speed", 3),
        ),
    ),
    Measurement(
        "poe",
        "Power over Ethernet, by port (POWER-ETHERNET-MIB and vendors).",
        _DEVICE,
        (Tag("ifIndex", "index of the port"), Tag("ifName", "name of the port")),
        (
            i("status", "", "1 disabled, 2 searching, 3 delivering, 4 fault, 5 test, 6 other fault"),
            f("power_w", "W", "power delivered", 3),
        ),
    ),
    Measurement("cpu", "Processors.", _DEVICE, (), (f("usage_percent", "%", "load of all processors", 2),)),
    Measurement("mem", "Main memory.", _DEVICE, (), (f("used_percent", "%", "memory in use", 2),)),
    Measurement(
        "disk",
        "File systems and recorder disks.",
        _DEVICE,
        (Tag("path", "where it is mounted, or the disk's name"),),
        (
            f("used_percent", "%", "space in use", 2),
            f("total_bytes", "bytes", "size"),
        ),
    ),
    Measurement(
        "sensor",
        "Temperatures, fans and power supplies.",
        _DEVICE,
        (Tag("sensor", "name of the sensor"),),
        (
            f("temperature_c", "°C", "temperature", 2),
            f("fan_rpm", "1/min", "speed of a fan"),
            i("status", "", "1 ok, others are a fault"),
        ),
    ),
)
