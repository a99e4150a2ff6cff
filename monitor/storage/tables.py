"""The rows of the schema: names follow Telegraf's where a plugin of that name exists."""

from __future__ import annotations

from monitor.storage.schema import Carries, Measurement, Schema, Tag, b, f, i, s

_DEVICE, _OWN = Carries.DEVICE, Carries.OWN

LIVENESS = (
    Measurement(
        "ping",
        "ICMP echo (Telegraf `inputs.ping`).",
        _DEVICE,
        (),
        (
            f("average_response_ms", "ms", "mean round trip of the probes that were answered", 3),
            f("minimum_response_ms", "ms", "shortest round trip", 3),
            f("maximum_response_ms", "ms", "longest round trip", 3),
            f("standard_deviation_ms", "ms", "spread of the round trips", 3),
            f("percent_packet_loss", "%", "probes without an answer", 3),
            i("result_code", "", "0 answered, 1 not answered, 2 not measured"),
        ),
    ),
    Measurement(
        "tcp",
        "TCP connect (Telegraf `inputs.net_response` in spirit).",
        _DEVICE,
        (Tag("port", "port that was connected to"),),
        (
            f("connect_ms", "ms", "time until the connection stood", 3),
            i("result_code", "", "0 connected, 1 timed out or refused, 2 not measured"),
        ),
    ),
    Measurement(
        "device_state",
        "State of a device; written when it changes and once a minute.",
        _DEVICE,
        (),
        (
            i("code", "", "0 up, 1 down, 2 unreachable (its parent is down), 3 unknown (not measured)"),
            s("state", "`up`, `down`, `unreachable` or `unknown`"),
            s("reason", "why the deciding check failed, from the closed list; empty when up"),
            s("name", "the device's name now"),
            s("address", "the device's address now"),
        ),
    ),
)

RATES_AND_EVENTS = (
    Measurement(
        "online_rate",
        "Online rate of a scope, each evaluation: online ÷ counted. Excluded and unknown devices are not "
        "counted.",
        _OWN,
        (
            Tag("scope", "`all`, `area`, `site`, `kind` or `key_site`"),
            Tag("name", "name of the area, site or kind; `all` for the whole, `key` for all key sites"),
        ),
        (
            i("online", "devices", "devices on line"),
            i("counted", "devices", "devices that count against the contract"),
            i("excluded", "devices", "devices left out by an exclusion"),
            f("rate", "%", "100 · online ÷ counted; absent when nothing is counted", 4),
        ),
    ),
    Measurement(
        "incident",
        "One event in the life of an incident, for annotations and lists.",
        _OWN,
        (
            Tag("event", "`opened`, `changed`, `acknowledged`, `resolved` or `closed`"),
            Tag("severity", "`info`, `warning`, `major` or `critical`"),
            Tag("area", "area of the cause; absent when it has none"),
            Tag("site", "site of the cause; absent when it has none"),
        ),
        (
            i("id", "", "incident number"),
            i("offline", "devices", "devices off line by this cause"),
            s("cause", "what it is about, from the closed list"),
            s("subject", "what broke, by name"),
            s("device", "id of the device that is the cause; empty when it is not one device"),
            s("text", "one line for a person"),
        ),
    ),
    Measurement(
        "incidents_open",
        "How many incidents are open, once a minute.",
        _OWN,
        (Tag("severity", "`info`, `warning`, `major` or `critical`"),),
        (
            i("open", "incidents", "not yet resolved"),
            i("unacknowledged", "incidents", "open and taken by nobody"),
        ),
    ),
)

OWN_HEALTH = (
    Measurement(
        "camwatch_daemon",
        "The daemon itself.",
        _OWN,
        (),
        (
            i("devices", "devices", "devices in the inventory"),
            i("states_up", "devices", "devices up"),
            i("states_down", "devices", "devices down"),
            i("states_unreachable", "devices", "devices unreachable"),
            i("states_unknown", "devices", "devices not measured"),
            f("loop_lag_ms", "ms", "longest delay of the event loop since the last point", 3),
            f("cpu_seconds", "s", "processor time used", 3, counter=True),
            i("memory_bytes", "bytes", "resident memory"),
            i("uptime_s", "s", "since start"),
            b("blind", "we have lost our own uplink"),
        ),
    ),
    Measurement(
        "camwatch_sweep",
        "The checks of one kind since the last point.",
        _OWN,
        (Tag("check", "name of the check"),),
        (
            f("duration_ms", "ms", "longest sweep", 3),
            i("devices", "devices", "devices answered for", counter=True),
            i("failed", "results", "results that were not ok", counter=True),
            i("not_measured", "results", "results whose failure was our own", counter=True),
            i("overruns", "sweeps", "sweeps that ended after the next was due", counter=True),
        ),
    ),
    Measurement(
        "camwatch_sink",
        "The sink: what became of every point. `received` + `recovered` = `written` + `dead` + `dropped` + "
        "`expired` + `spool_points` + what is on its way.",
        _OWN,
        (),
        (
            i("received", "points", "points encoded", counter=True),
            i("recovered", "points", "points that an earlier run left in the spool", counter=True),
            i("written", "points", "points that the server took", counter=True),
            i("dropped", "points", "points lost: queue or spool full, too old, disk trouble", counter=True),
            i("dead", "points", "points that the server refused, in the dead-letter file", counter=True),
            i("expired", "points", "points older than the server's retention", counter=True),
            i("bad_values", "values", "NaN, infinities, numbers beyond 64 bits, wrong types", counter=True),
            i("posts", "requests", "bodies posted", counter=True),
            i("post_failures", "requests", "posts that will be tried again", counter=True),
            i("damaged_bytes", "bytes", "bytes of the spool that were found damaged", counter=True),
            i("queue_points", "points", "given to the sink and not yet on disk"),
            i("spool_points", "points", "on disk and not yet taken by the server"),
            i("spool_bytes", "bytes", "size of the spool on disk"),
            f("lag_s", "s", "age of the live data last taken by the server", 3),
        ),
    ),
    Measurement(
        "camwatch_channel",
        "Deliveries of one channel.",
        _OWN,
        (Tag("channel", "name of the channel"),),
        (
            i("delivered", "messages", "messages that the channel took", counter=True),
            i("temporary", "attempts", "failed attempts that will be repeated", counter=True),
            i("permanent", "messages", "messages given up", counter=True),
            i("waiting", "messages", "messages in the outbox"),
            f("oldest_s", "s", "age of the oldest waiting message", 3),
        ),
    ),
)

SCHEMA = Schema((*LIVENESS, *RATES_AND_EVENTS, *OWN_HEALTH))
