"""Evidence in words, and its numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.notifiers.clean import clean
from monitor.notifiers.evidence import Crossed, Evidence, Foreseen, MonthEnd, Odd, Oddity
from monitor.notifiers.metric_words import METRICS, STATES
from monitor.words import N_, Words

_NAME = 40
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
    """One line, or two; none where the headline says it all (``evidence_brief``)."""
    if isinstance(evidence, Crossed):
        return
    if isinstance(evidence, MonthEnd):
        yield w.text(
            "At the present rate the month ends at {expected}, {required} is required",
            expected=evidence.expected,
            required=evidence.required,
        )
        yield w.many(
            "{n} camera-hour a day must be won back",
            "{n} camera-hours a day must be won back",
            evidence.hours_a_day,
        )
        return
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
    """In a few words."""
    if isinstance(evidence, Crossed):
        return _crossed(w, evidence)
    if isinstance(evidence, MonthEnd):
        return w.text(
            "the month ends at {expected} (+{n} camera-hours a day)", expected=evidence.expected,
            n=evidence.hours_a_day,
        )  # fmt: skip
    name, value = _what(w, evidence), number(evidence.value, evidence.unit)
    if isinstance(evidence, Odd):
        low, high = number(evidence.low, evidence.unit), number(evidence.high, evidence.unit)
        return w.text("{name} {value} (usually {low} to {high})", name=name, value=value, low=low, high=high)
    limit = number(evidence.limit, evidence.unit)
    return w.text("{name} reaches {limit}: {day}", name=name, limit=limit, day=evidence.likely)


def evidence_over(w: Words, evidence: Evidence) -> str:
    """That a limit is kept again, or a bad state is over; empty where nothing more is to be said."""
    if not isinstance(evidence, Crossed):
        return ""
    if (state := STATES.get(evidence.metric)) is not None:
        return _of_part(w.text(state.good), evidence.part)
    return w.text("{name} is back to normal", name=_what(w, evidence))


def _crossed(w: Words, evidence: Crossed) -> str:
    if (state := STATES.get(evidence.metric)) is not None:
        return _of_part(w.text(state.bad), evidence.part)
    name, value = _what(w, evidence), number(evidence.value, evidence.unit)
    limit = number(evidence.limit, evidence.unit)
    if evidence.above:
        return w.text("{name} {value}, above {limit}", name=name, value=value, limit=limit)
    return w.text("{name} {value}, below {limit}", name=name, value=value, limit=limit)


def _of_part(text: str, part: str) -> str:
    return f"{clean(part, _NAME)} {text}" if part else text


def _what(w: Words, evidence: Odd | Foreseen | Crossed) -> str:
    known = METRICS.get(evidence.metric)
    name = w.text(known) if known else clean(evidence.metric, _NAME)
    return f"{name} {clean(evidence.part, _NAME)}" if evidence.part else name


def number(value: float, unit: str) -> str:
    """Four digits; thousands of bits and bytes are scaled."""
    if unit in _SCALED:
        for size, prefix in _SCALES:
            if abs(value) >= size:
                return f"{value / size:.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}".rstrip()
