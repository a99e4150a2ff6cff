"""The rows of the schema: names follow Telegraf's where a plugin of that name exists."""

from __future__ import annotations

from monitor.model import State
from monitor.storage.schema import Carries, Measurement, Schema, Tag, b, f, i, s
from monitor.storage.tables_snmp import NETWORK

STATE_CODES = {State.UP: 0, State.DOWN: 1, State.UNREACHABLE: 2, State.UNKNOWN: 3}
"""What ``device_state.code`` means."""

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
        "TCP connect.",
        _DEVICE,
        (),
        (
            f("response_ms", "ms", "time until the connection stood", 3),
            i("result_code", "", "0 connected, 1 not"),
        ),
    ),
    Measurement(
        "device_state",
        "State of each device, once a minute and when it changes.",
        _DEVICE,
        (),
        (
            i("code", "", "0 up, 1 down, 2 unreachable (its parent is down), 3 unknown (not measured)"),
            i("up", "", "1 up, 0 down or unreachable, absent when not measured: its mean is the time up"),
            s("name", "the device's name now"),
            s("address", "the device's address now"),
            s("reason", "why it is not up: `timeout`, `refused`, … ; `ok` when it is"),
        ),
    ),
)

CAMERAS = (
    Measurement(
        "onvif",
        "ONVIF services.",
        _DEVICE,
        (),
        (
            f("connect_ms", "ms", "time until the connection stood", 3),
            f("response_ms", "ms", "time that the calls took", 3),
            f("clock_drift_s", "s", "the camera's clock against ours; positive is ahead", 3),
            i("profiles", "", "media profiles"),
            s("login", "how it lets us in"),
            b("password_refused", "it refuses an account that others take"),
            s("manufacturer", "as the camera says"),
            s("model_reported", "as the camera says (`onvif.model`)"),
            s("firmware_version", "as the camera says"),
            s("serial_number", "as the camera says"),
            b("replaced", "its serial number is not the one seen before"),
            b("unauthorised", "replaced by a device that is not in the spare list"),
            s("stream_uri", "address of the stream, without secrets"),
            b("stream_uri_foreign", "the stream's address leads away from the camera"),
            s("snapshot_uri", "address of the snapshot, without secrets"),
            b("snapshot_uri_foreign", "the snapshot's address leads away from the camera"),
            i("boot_count", "", "how often it has started, where it tells (WS-Discovery InstanceId)"),
            b("rebooted", "it has started anew since the last poll"),
        ),
    ),
    Measurement(
        "rtsp",
        "Video by RTSP: proven by a key frame and the frames after it.",
        _DEVICE,
        (),
        (
            f("connect_ms", "ms", "time until the connection stood", 3),
            b("password_refused", "it refuses an account that others take"),
            f("first_key_frame_ms", "ms", "time from PLAY to the first whole key frame", 3),
            f("frame_rate", "1/s", "frames per second", 3),
            i("width", "pixels", "picture width"),
            i("height", "pixels", "picture height"),
            f("packet_loss_percent", "%", "RTP packets that are missing", 3),
            f("clock_drift_s", "s", "the camera's clock against ours; positive is ahead", 3),
            i("gop_frames", "", "frames from key frame to key frame"),
            f("bit_rate_bps", "bit/s", "bits of video per second", 0),
        ),
    ),
)

PAGES = (
    Measurement(
        "http_response",
        "Pages of platforms and recorders (Telegraf `inputs.http_response`).",
        _DEVICE,
        (Tag("page", "name of the page in the configuration: `login`, `live`, `playback`, …"),),
        (
            f("response_time", "s", "time until the whole page was there", 4),
            i("http_response_code", "", "HTTP status"),
            i("content_length", "byte", "size of the page"),
            s("result_type", "`ok`, or why not: `timeout`, `refused`, `unexpected`, …"),
        ),
    ),
    Measurement(
        "x509_cert",
        "Certificates (Telegraf `inputs.x509_cert`).",
        _DEVICE,
        (),
        (
            i("startdate", "s", "valid from, Unix time"),
            i("enddate", "s", "valid until, Unix time"),
            i("age", "s", "since it became valid"),
            i("expiry", "s", "until it expires; negative when it has"),
        ),
    ),
)

RATES_AND_EVENTS = (
    Measurement(
        "online_rate",
        "Online rate of a scope, twice a minute: online ÷ counted. `all`, `area`, `site` and `key_sites` "
        "are of cameras.",
        _OWN,
        (
            Tag("scope", "`all`, `key_sites`, `area`, `site` or `kind`"),
            Tag("name", "of the area, site or kind; absent for `all` and `key_sites`"),
        ),
        (
            i("online", "devices", "devices on line"),
            i("counted", "devices", "devices that count against the contract"),
            i("unmeasured", "devices", "not counted: not measured"),
            i("excluded", "devices", "not counted: left out by an exclusion"),
            f("rate", "%", "100 · online ÷ counted; absent when nothing is counted", 4),
        ),
    ),
    Measurement(
        "baseline",
        "What baseline rules take for usual, every five minutes: to be drawn behind the values.",
        _OWN,
        (
            Tag("device", "device id"),
            Tag("metric", "`measurement.field` that it is about"),
            Tag("rule", "name of the rule"),
            Tag("part", "which port, disk, page; absent where there is only one"),
        ),
        (
            f("expected", "", "what is expected now, in the unit of the metric"),
            f("low", "", "the usual range at this hour: from"),
            f("high", "", "to"),
        ),
    ),
    Measurement(
        "incident",
        "The opening or the end of an incident, for annotations.",
        _OWN,
        (
            Tag("cause", "what it is about, from the closed list"),
            Tag("severity", "`info`, `warning`, `major` or `critical`"),
            Tag("event", "`opened` or `resolved`"),
        ),
        (
            i("id", "", "incident number"),
            s("title", "number and subject, for annotations"),
            s("subject", "what broke, by name"),
            s("place", "area and site"),
            s("device", "device id; absent when it is not about one device"),
            s("area", "area; absent when it is not about one"),
            s("site", "site; absent when it is not about one"),
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
            f("loop_lag_ms", "ms", "delay of the event loop, slowly forgotten", 3),
            i("task_failures", "", "tasks that died of a bug and were started again", counter=True),
            i("ledger_waiting", "records", "records not yet in the ledger"),
            i("ledger_dropped", "records", "records that the ledger lost", counter=True),
            i("outbox_waiting", "messages", "messages not yet delivered"),
            i("incidents_open", "incidents", "incidents not yet resolved"),
            i("devices", "devices", "devices in the inventory"),
        ),
    ),
    Measurement(
        "camwatch_test",
        "Written by `camwatch sink test`, to be read back.",
        _OWN,
        (),
        (i("number", "", "told apart by it"),),
    ),
    Measurement(
        "camwatch_check",
        "The rounds of one check.",
        _OWN,
        (Tag("check", "name of the check"),),
        (
            i("overruns", "rounds", "rounds that were due before the last had ended", counter=True),
            f("round_mean_s", "s", "mean duration of the last rounds", 3),
            f("round_max_s", "s", "longest of the last rounds", 3),
        ),
    ),
    Measurement(
        "camwatch_channel",
        "Deliveries of one channel.",
        _OWN,
        (Tag("channel", "name of the channel"),),
        (
            i("waiting", "messages", "messages in the outbox"),
            i("delivered", "messages", "messages that the channel took", counter=True),
            i("failures", "attempts", "attempts that did not deliver", counter=True),
            i("dead", "messages", "messages given up", counter=True),
            f("oldest_s", "s", "age of the oldest waiting message", 3),
        ),
    ),
    Measurement(
        "camwatch_traps",
        "SNMP notifications, and what became of them.",
        _OWN,
        (),
        (
            i("received", "datagrams", "all that came", counter=True),
            i("believed", "notifications", "taken", counter=True),
            i("unknown_sender", "datagrams", "from addresses that no device has", counter=True),
            i("over_limit", "datagrams", "beyond what one source may send in a minute", counter=True),
            i("garbage", "datagrams", "not SNMP", counter=True),
            i("refused_community", "datagrams", "under another community", counter=True),
            i("refused_user", "datagrams", "of a v3 user that we do not have", counter=True),
            i("refused_level", "datagrams", "less protected than their user is to be", counter=True),
            i("refused_digest", "datagrams", "whose digest is wrong", counter=True),
            i(
                "refused_time",
                "datagrams",
                "out of the time window; informs then ask",
                counter=True,
            ),
            i("refused_pdu", "datagrams", "no notification", counter=True),
            i("refused_discovery", "datagrams", "senders of informs that asked for our engine", counter=True),
            i("reply_failed", "datagrams", "acknowledgements that could not be sent", counter=True),
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
)

SCHEMA = Schema((*LIVENESS, *CAMERAS, *PAGES, *NETWORK, *RATES_AND_EVENTS, *OWN_HEALTH))
