"""The rows that SNMP yields: what the profiles of ``etc/snmp`` write, by their own table.

Counters are stored as rates: InfluxQL's own ``derivative`` turns every restart of a switch into a spike.
"""

from __future__ import annotations

from monitor.storage.schema import Carries, Measurement, Tag, b, f, i

_DEVICE = Carries.DEVICE

NETWORK = (
    Measurement(
        "snmp",
        "The agent itself (Telegraf `snmp`).",
        _DEVICE,
        (),
        (
            f("poll_ms", "ms", "time of the poll", 3),
            i("uptime_s", "s", "since the agent started"),
            b("restarted", "the agent has started anew within the last ten minutes"),
        ),
    ),
    Measurement(
        "trap",
        "Notifications that devices sent of themselves.",
        _DEVICE,
        (
            Tag("name", "name of the notification"),
            Tag("ifIndex", "index of the port that it is about"),
            Tag("port", "name of the port that it is about"),
        ),
        (
            i("received", "", "1 for each"),
            i("over_limit", "", "1 while a device sends more than it may"),
            i("alarm", "", "1 for a while after a notification of what no check can see"),
        ),
    ),
    Measurement(
        "camera_vlan",
        "Strangers in the VLANs of cameras, port by port.",
        _DEVICE,
        (
            Tag("ifIndex", "index of the port"),
            Tag("ifDescr", "description of the port, as the device has it"),
            Tag("vlan", "number of the VLAN"),
        ),
        (i("unknown_addresses", "", "MAC addresses that belong to no known device"),),
    ),
    Measurement(
        "board",
        "Boards of a chassis.",
        _DEVICE,
        (
            Tag("entity", "index of the part"),
            Tag("name", "name, as the device has it"),
        ),
        (
            f("cpu_used_percent", "%", "cpu used", 4),
            f("memory_used_percent", "%", "memory used", 4),
        ),
    ),
    Measurement(
        "cpu",
        "Processors, all cores of a unit together (Telegraf `cpu` in spirit).",
        _DEVICE,
        (
            Tag("unit", "number of the unit"),
            Tag("name", "name, as the device has it"),
        ),
        (f("used_percent", "%", "used", 4),),
    ),
    Measurement(
        "cpu_core",
        "Processors, core by core.",
        _DEVICE,
        (Tag("core", "number of the core"),),
        (f("used_percent", "%", "used", 4),),
    ),
    Measurement(
        "disk",
        "File systems (Telegraf `disk`).",
        _DEVICE,
        (
            Tag("storage", "index of the storage"),
            Tag("path", "where it is mounted"),
        ),
        (
            f("free_bytes", "B", "free bytes", 0),
            f("total_bytes", "B", "total bytes", 0),
            f("used_percent", "%", "used", 4),
        ),
    ),
    Measurement(
        "diskio",
        "Traffic of disks (Telegraf `diskio`).",
        _DEVICE,
        (
            Tag("index", "number of the disk"),
            Tag("name", "name, as the device has it"),
        ),
        (
            f("read_bytes_per_s", "B/s", "read bytes", 1),
            f("reads_per_s", "1/s", "reads", 4),
            f("write_bytes_per_s", "B/s", "write bytes", 1),
            f("writes_per_s", "1/s", "writes", 4),
        ),
    ),
    Measurement(
        "fan",
        "Fans.",
        _DEVICE,
        (
            Tag("fan", "number of the fan"),
            Tag("name", "name, as the device has it"),
            Tag("slot", "slot of the chassis"),
        ),
        (b("ok", "ok"),),
    ),
    Measurement(
        "fan_speed",
        "Speed of fans.",
        _DEVICE,
        (
            Tag("fan", "number of the fan"),
            Tag("name", "name, as the device has it"),
        ),
        (f("rpm", "1/min", "rpm", 4),),
    ),
    Measurement(
        "interface",
        "Ports, by IF-MIB (Telegraf `interface`). Counters are stored as rates.",
        _DEVICE,
        (
            Tag("ifIndex", "index of the port"),
            Tag("ifDescr", "description of the port, as the device has it"),
            Tag("ifAlias", "what people call the port"),
        ),
        (
            i("ifAdminStatus", "", "1 up, 2 down, 3 testing"),
            i("ifOperStatus", "", "1 up, 2 down, 5 dormant, 6 not present, 7 lower layer down"),
            f("in_bps", "bit/s", "in bps", 1),
            f("in_broadcasts_per_s", "1/s", "in broadcasts", 4),
            f("in_discards_per_s", "1/s", "in discards", 4),
            f("in_errors_per_s", "1/s", "in errors", 4),
            f("in_errors_percent", "%", "in errors", 4),
            f("in_packets_per_s", "1/s", "in packets", 4),
            f("in_utilisation_percent", "%", "in utilisation", 4),
            f("out_bps", "bit/s", "out bps", 1),
            f("out_discards_per_s", "1/s", "out discards", 4),
            f("out_errors_per_s", "1/s", "out errors", 4),
            f("out_errors_percent", "%", "out errors", 4),
            f("out_packets_per_s", "1/s", "out packets", 4),
            f("out_utilisation_percent", "%", "out utilisation", 4),
            f("speed_bps", "bit/s", "speed bps", 1),
            b(
                "link_lost",
                "a device of the inventory or a switch hangs on the port, it is enabled, and has no link",
            ),
        ),
    ),
    Measurement(
        "mem",
        "Main memory (Telegraf `mem`).",
        _DEVICE,
        (
            Tag("pool", "memory pool"),
            Tag("entity", "index of the part"),
            Tag("name", "name, as the device has it"),
            Tag("storage", "index of the storage"),
            Tag("unit", "number of the unit"),
        ),
        (
            f("used_percent", "%", "used", 4),
            f("used_with_caches_percent", "%", "used, caches included, where it cannot be told without", 4),
        ),
    ),
    Measurement(
        "pdu",
        "Power distribution units.",
        _DEVICE,
        (
            Tag("unit", "number of the unit"),
            Tag("name", "name, as the device has it"),
        ),
        (
            f("energy_kwh", "kWh", "energy kwh", 4),
            b("supply_ok", "supply ok"),
            f("watts", "W", "watts", 4),
        ),
    ),
    Measurement(
        "pdu_phase",
        "Phases of power distribution units.",
        _DEVICE,
        (Tag("phase", "number of the phase"),),
        (
            f("amperes", "A", "amperes", 4),
            b("overload", "overload"),
            f("volts", "V", "volts", 4),
        ),
    ),
    Measurement(
        "poe",
        "Power over Ethernet, by power group.",
        _DEVICE,
        (Tag("group", "power group"),),
        (
            f("budget_watts", "W", "budget watts", 4),
            b("supply_ok", "supply ok"),
            f("used_percent", "%", "used", 4),
            f("used_watts", "W", "used watts", 4),
        ),
    ),
    Measurement(
        "poe_port",
        "Power over Ethernet, by port.",
        _DEVICE,
        (
            Tag("group", "power group"),
            Tag("port", "number of the port"),
        ),
        (
            b("fault", "fault"),
            i("status", "", "1 disabled, 2 searching, 3 delivering, 4 fault, 5 test, 6 other fault"),
            f("watts", "W", "watts", 4),
        ),
    ),
    Measurement(
        "psu",
        "Power supplies.",
        _DEVICE,
        (
            Tag("psu", "number of the supply"),
            Tag("name", "name, as the device has it"),
            Tag("slot", "slot of the chassis"),
        ),
        (b("ok", "ok"),),
    ),
    Measurement(
        "raid",
        "Arrays of disks.",
        _DEVICE,
        (
            Tag("array", "number of the array"),
            Tag("name", "name, as the device has it"),
        ),
        (b("ok", "ok: not degraded, not crashed"),),
    ),
    Measurement(
        "recorder_channel",
        "Channels of recorders.",
        _DEVICE,
        (
            Tag("channel", "number of the channel"),
            Tag("name", "name, as the device has it"),
        ),
        (b("online", "online"),),
    ),
    Measurement(
        "recorder_disk",
        "Hard disks of recorders, network storage and servers, one by one.",
        _DEVICE,
        (
            Tag("disk", "number of the disk"),
            Tag("name", "name, as the device has it"),
        ),
        (
            b("ok", "ok"),
            f("celsius", "°C", "temperature of the disk", 4),
            f("total_bytes", "B", "total bytes", 0),
            f("used_percent", "%", "used", 4),
        ),
    ),
    Measurement(
        "swap",
        "Swap space (Telegraf `swap`).",
        _DEVICE,
        (),
        (f("used_percent", "%", "used", 4),),
    ),
    Measurement(
        "system",
        "Load (Telegraf `system`).",
        _DEVICE,
        (),
        (
            f("load1", "", "load1", 4),
            f("load15", "", "load15", 4),
            f("load5", "", "load5", 4),
            i("processes", "", "processes"),
        ),
    ),
    Measurement(
        "temperature",
        "Temperature sensors.",
        _DEVICE,
        (
            Tag("sensor", "number of the sensor"),
            Tag("name", "name, as the device has it"),
            Tag("slot", "slot of the chassis"),
        ),
        (f("celsius", "°C", "celsius", 4),),
    ),
    Measurement(
        "ups",
        "Uninterruptible power supplies.",
        _DEVICE,
        (),
        (
            i("alarms", "", "alarms"),
            f("battery_celsius", "°C", "battery celsius", 4),
            b("battery_low", "battery low"),
            b("battery_replace", "battery replace"),
            f("charge_percent", "%", "charge", 4),
            f("input_volts", "V", "input volts", 4),
            f("load_percent", "%", "load", 4),
            f("minutes_left", "min", "minutes left", 4),
            b("on_battery", "on battery"),
            f("seconds_on_battery", "s", "seconds on battery", 4),
        ),
    ),
    Measurement(
        "ups_line",
        "Lines of uninterruptible power supplies.",
        _DEVICE,
        (Tag("line", "number of the line"),),
        (
            f("input_volts", "V", "input volts", 4),
            f("load_percent", "%", "load", 4),
        ),
    ),
)
