"""Evidence in words, and its numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.notifiers.clean import clean
from monitor.notifiers.evidence import Evidence, Odd, Oddity
from monitor.words import N_, Words

_NAME = 40
_METRICS = {
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
    "cpu.used_percent": N_("processor load"),
    "mem.used_percent": N_("memory in use"),
    "temperature.celsius": N_("temperature"),
    "poe.used_watts": N_("PoE power"),
    "disk.used_percent": N_("disk in use"),
    "recorder_disk.used_percent": N_("disk in use"),
    "x509_cert.expiry": N_("time until the certificate expires"),
}
_ODDITIES = {
    Oddity.HIGHEST: N_("further above its usual level than at any time in the last {days} days"),
    Oddity.LOWEST: N_("further below its usual level than at any time in the last {days} days"),
    Oddity.HIGH_HERE: N_("further above its usual level than at this hour in the last {days} days"),
    Oddity.LOW_HERE: N_("further below its usual level than at this hour in the last {days} days"),
    Oddity.STUCK: N_("it has stopped moving as it always does"),
    Oddity.LASTING: N_("longer or more restless than ever in the last {days} days"),
}
_SCALES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_SCALED = frozenset({"bit/s", "B/s", "B", "byte"})


def evidence_words(w: Words, evidence: Evidence) -> Iterator[str]:
    """One line, or two."""
    unit, name = evidence.unit, _what(w, evidence)
    value = number(evidence.value, unit)
    if not isinstance(evidence, Odd):
        days = evidence.likely
        if evidence.latest != days:
            days = w.text("{early} to {late}", early=days, late=evidence.latest)
        limit = number(evidence.limit, unit)
        yield w.text("{name}: {value} now, reaches {limit}: {days}", name=name, value=value, limit=limit,
                     days=days)  # fmt: skip
        return
    low, high = number(evidence.low, unit), number(evidence.high, unit)
    yield w.text("{name}: {value}, usually {low} to {high} at this hour", name=name, value=value, low=low,
                 high=high)  # fmt: skip
    yield w.text("How odd: {words}", words=w.text(_ODDITIES[evidence.oddity], days=evidence.days))


def evidence_brief(w: Words, evidence: Evidence) -> str:
    """For a short message."""
    name, value = _what(w, evidence), number(evidence.value, evidence.unit)
    if isinstance(evidence, Odd):
        low, high = number(evidence.low, evidence.unit), number(evidence.high, evidence.unit)
        return w.text("{name} {value} (usually {low} to {high})", name=name, value=value, low=low, high=high)
    limit = number(evidence.limit, evidence.unit)
    return w.text("{name} reaches {limit}: {day}", name=name, limit=limit, day=evidence.likely)


def _what(w: Words, evidence: Evidence) -> str:
    known = _METRICS.get(evidence.metric)
    name = w.text(known) if known else clean(evidence.metric, _NAME)
    return f"{name} {clean(evidence.part, _NAME)}" if evidence.part else name


def number(value: float, unit: str) -> str:
    """Four digits; thousands of bits and bytes are scaled."""
    if unit in _SCALED:
        for size, prefix in _SCALES:
            if abs(value) >= size:
                return f"{value / size:.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}".rstrip()
