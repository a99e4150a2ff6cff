"""Readings as people call them. A metric that is not listed is named as it is."""

from __future__ import annotations

from typing import NamedTuple

from monitor.words import N_

METRICS = {
    "ping.average_response_ms": N_("round trip"),
    "ping.maximum_response_ms": N_("longest round trip"),
    "ping.percent_packet_loss": N_("packet loss"),
    "rtsp.bit_rate_bps": N_("video bit rate"),
    "rtsp.frame_rate": N_("frame rate"),
    "rtsp.packet_loss_percent": N_("video packet loss"),
    "rtsp.first_key_frame_ms": N_("time to the first picture"),
    "onvif.clock_drift_s": N_("clock drift"),
    "interface.in_bps": N_("traffic received"),
    "interface.out_bps": N_("traffic sent"),
    "interface.in_errors_percent": N_("receive errors"),
    "interface.out_errors_percent": N_("send errors"),
    "interface.in_utilisation_percent": N_("receive utilisation"),
    "interface.out_utilisation_percent": N_("send utilisation"),
    "camera_vlan.unknown_addresses": N_("unlisted devices in the camera VLAN"),
    "cpu.used_percent": N_("processor load"),
    "board.cpu_used_percent": N_("processor load"),
    "mem.used_percent": N_("memory in use"),
    "board.memory_used_percent": N_("memory in use"),
    "temperature.celsius": N_("temperature"),
    "poe.used_watts": N_("PoE power"),
    "poe.used_percent": N_("PoE power in use"),
    "disk.used_percent": N_("disk in use"),
    "recorder_disk.used_percent": N_("disk in use"),
    "ups.minutes_left": N_("battery time left"),
    "ups.load_percent": N_("UPS load"),
    "ups_line.load_percent": N_("UPS load"),
    "ups.charge_percent": N_("battery charge"),
    "x509_cert.expiry": N_("time until the certificate expires"),
}


class State(NamedTuple):
    """A reading of yes or no: what is said of the bad one, and when it is over."""

    bad: str
    good: str


STATES = {
    "interface.link_lost": State(N_("link lost"), N_("link is back")),
    "poe_port.fault": State(N_("PoE supply fault"), N_("PoE supply works again")),
    "snmp.restarted": State(N_("has restarted"), N_("runs on after its restart")),
    "fan.ok": State(N_("fan failed"), N_("fan works again")),
    "psu.ok": State(N_("power supply unit failed"), N_("power supply unit works again")),
    "raid.ok": State(N_("disk array degraded"), N_("disk array is whole again")),
    "recorder_disk.ok": State(N_("hard disk failed"), N_("hard disk works again")),
    "recorder_channel.online": State(N_("recorder has lost the channel"), N_("channel is back")),
    "ups.on_battery": State(N_("no mains power, runs on battery"), N_("mains power is back")),
    "ups.battery_low": State(N_("battery nearly empty"), N_("battery is charged again")),
    "ups.battery_replace": State(N_("battery must be replaced"), N_("battery is good again")),
    "trap.alarm": State(N_("sends an alarm"), N_("alarm is over")),
    "trap.over_limit": State(N_("sends too many notifications"), N_("sends fewer notifications again")),
}
