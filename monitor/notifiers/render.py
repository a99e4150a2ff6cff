"""A notice in words: for a chat on the phone, for a short message, for a mail.

Written for somebody who is woken at three in the morning: what, where, since when, how many, which ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import tzinfo

from monitor.notifiers.attachment import Enclosed
from monitor.notifiers.clean import clean, cut
from monitor.notifiers.evidence_words import evidence_brief, evidence_words
from monitor.notifiers.headline import (
    DETAIL,
    NAME,
    headline,
    limit,
    percent,
    reason_word,
    severity_word,
    status_word,
)
from monitor.notifiers.moments import full, moment, span, until
from monitor.notifiers.notice import DeviceLine, Notice, NoticeKind
from monitor.notifiers.schemes import Form
from monitor.words import N_, Language, Words, words

SMS_CHARS = 134
"""Two parts of 67 characters: longer texts cost more than they say."""
_PLACE = 60
_DEVICES = {Form.PHONE: 5, Form.SMS: 2, Form.MAIL: 10}
_RATES = {Form.PHONE: 5, Form.SMS: 0, Form.MAIL: 30}


_PAUSES = {
    "weather": N_("weather unfit for repair"),
    "power_cut": N_("utility power cut"),
    "construction": N_("construction"),
    "force_majeure": N_("force majeure"),
    "maintenance": N_("announced maintenance"),
    "third_party": N_("third-party damage"),
}
_REMEDIES = {
    "reboot": N_("Repaired by a reboot from afar, proven by video"),
    "poe_cycle": N_("Repaired by cycling its power from afar, proven by video"),
}


@dataclass(frozen=True, slots=True)
class Rendered:
    title: str
    """Empty for a short message."""
    body: str
    files: tuple[Enclosed, ...] = ()


def render(
    notice: Notice,
    language: Language,
    form: Form,
    zone: tzinfo,
    files: tuple[Enclosed, ...] = (),
    link: str = "",
) -> Rendered:
    """Never raises: a notice that cannot be worded as it should still goes out, plainly. ``files``: those of
    its attachments that go along. ``link``: where to acknowledge; too long for a short message."""
    try:
        vocabulary = words(language)
        if form is Form.SMS:
            return Rendered("", _sms(vocabulary, notice, zone), files)
        lines = [*_lines(vocabulary, notice, form, zone), *_attachments(vocabulary, notice, files)]
        if link:
            lines.append(vocabulary.text("Acknowledge: {link}", link=link))
        return Rendered(_title(vocabulary, notice), "\n".join(lines), files)
    except Exception:  # whatever is wrong with a text or a catalogue, somebody must be told
        return replace(plain(notice), files=files)


def _attachments(w: Words, notice: Notice, files: tuple[Enclosed, ...]) -> Iterator[str]:
    sent = [file.name for file in files]
    left = [attachment.name for attachment in notice.attachments if attachment.name not in sent]
    if sent:
        yield w.text("Attached: {names}", names=w.text(", ").join(clean(name, NAME) for name in sent))
    if left:
        names = w.text(", ").join(clean(name, NAME) for name in left)
        yield w.text("Not sent along: {names}", names=names)


def plain(notice: Notice) -> Rendered:
    """The bare facts without catalogue or layout."""
    incident = f" #{notice.incident}" if notice.incident is not None else ""
    facts = (notice.place, notice.detail, f"{notice.offline}/{notice.counted}" if notice.counted else "")
    kind = "no longer reported" if notice.unreported else notice.kind
    title = f"[{notice.severity.label}] {kind} {notice.cause} {clean(str(notice.subject), NAME)}{incident}"
    return Rendered(title, " ".join(clean(str(fact), DETAIL) for fact in facts if fact) or title)


def _title(w: Words, notice: Notice) -> str:
    text = w.text("[{status}] {headline}", status=status_word(w, notice), headline=headline(w, notice))
    return f"{text} #{notice.incident}" if notice.incident is not None else text


def _lines(w: Words, notice: Notice, form: Form, zone: tzinfo) -> Iterator[str]:
    if notice.kind is NoticeKind.DIGEST:
        yield from _digest(w, notice)
    elif notice.place and notice.place != notice.subject:
        yield w.text("Where: {place}", place=clean(notice.place, _PLACE))
    if when := _when(w, notice, form, zone):
        yield w.text("When: {when}", when=when)
    yield from _counts(w, notice, form)
    if notice.evidence is not None and notice.kind is not NoticeKind.RESOLVED:
        yield from evidence_words(w, notice.evidence)
        for line in notice.also:
            name = clean(line.subject, NAME)
            yield "· " + w.text("{subject}: {told}", subject=name, told=evidence_brief(w, line.evidence))
    in_headline = notice.cause == "threshold" and notice.evidence is None
    if notice.detail and not (in_headline and notice.kind is not NoticeKind.RESOLVED):
        yield from _detail(w, notice)
    if notice.restless and notice.kind is not NoticeKind.RESOLVED:
        yield w.text("It comes and goes: you will be told when it has been calm for a while")
    if notice.unreported:
        yield w.text(
            "It answers, but has not reported this for a day: the alert ends, nobody has seen it mended"
        )
    if remedy := _REMEDIES.get(notice.remedy):
        yield w.text(remedy)
    yield from _excuses(w, notice)
    yield from _clock(w, notice, zone)
    yield from _devices(w, notice, form, zone)
    if notice.acked_by:
        yield w.text("Acknowledged by {name}", name=clean(notice.acked_by, NAME))
    if form is Form.MAIL:
        yield w.text("Severity: {severity}", severity=severity_word(w, notice.severity))
    yield w.text("Sent: {when}", when=full(notice.at, zone))


def _detail(w: Words, notice: Notice) -> Iterator[str]:
    detail = clean(notice.detail, DETAIL)
    if notice.cause != "wrong_clock":
        yield w.text("Detail: {detail}", detail=detail)
    elif notice.kind is not NoticeKind.RESOLVED:
        seconds = detail.removesuffix(" s").lstrip("+-")
        if detail.startswith("-"):
            yield w.text("Its clock is {seconds} s slow", seconds=seconds)
        else:
            yield w.text("Its clock is {seconds} s fast", seconds=seconds)


def _digest(w: Words, notice: Notice) -> Iterator[str]:
    """Where the storm is, and the worst of it."""
    if notice.areas:
        names = w.text(", ").join(clean(area, NAME) for area in notice.areas)
        yield w.text("Areas: {areas}", areas=clean(names, DETAIL))
    if notice.subject:
        facts = (clean(notice.subject, NAME), clean(notice.place, _PLACE))
        yield w.text("Worst: {subject}", subject=" ".join(fact for fact in facts if fact))


def _excuses(w: Words, notice: Notice) -> Iterator[str]:
    """Which exclusions ended the breach; the devices themselves are no better for it."""
    for excuse in notice.excuses:
        known = _PAUSES.get(excuse.cause)
        cause = w.text(known) if known else clean(excuse.cause, NAME)
        yield w.text("Exclusion {number}: {cause}", number=excuse.exclusion, cause=cause)
    if notice.excused:
        yield w.many(
            "Still off line, not counted: {n} device",
            "Still off line, not counted: {n} devices",
            notice.excused,
        )


def _clock(w: Words, notice: Notice, zone: tzinfo) -> Iterator[str]:
    """How the time that the contract allows is used, and whether its clocks stand still."""
    if notice.allowed_ms:
        used, allowed = span(w, notice.used_ms), span(w, notice.allowed_ms)
        if notice.clock == "response":
            yield w.text("Response time: {used} of {allowed}", used=used, allowed=allowed)
        else:
            yield w.text("Repair time: {used} of {allowed}", used=used, allowed=allowed)
    if line := _pause(w, notice, zone):
        yield line


def _pause(w: Words, notice: Notice, zone: tzinfo) -> str:
    if not notice.paused:
        return ""
    why = _PAUSES.get(notice.paused)
    cause = w.text(why) if why else clean(notice.paused, NAME)
    if notice.paused_until is None:
        return w.text("Contract clock paused: {cause}", cause=cause)
    until_ = moment(w, notice.paused_until, notice.at, zone)
    return w.text("Contract clock paused until {until}: {cause}", until=until_, cause=cause)


def _when(w: Words, notice: Notice, form: Form, zone: tzinfo) -> str:
    if notice.since is None:
        return ""
    since = moment(w, notice.since, notice.at, zone) if form is not Form.MAIL else full(notice.since, zone)
    if notice.kind is NoticeKind.RESOLVED and not notice.unreported:
        end = notice.until if notice.until is not None else notice.at
        to = until(w, end, notice.since, notice.at, zone) if form is not Form.MAIL else full(end, zone)
        lasted = span(w, end - notice.since)
        return w.text("{since} to {until}, lasted {span}", since=since, until=to, span=lasted)
    if notice.at - notice.since < 60_000:
        return w.text("since {since}", since=since)
    return w.text("since {since}, for {span}", since=since, span=span(w, notice.at - notice.since))


def _counts(w: Words, notice: Notice, form: Form) -> Iterator[str]:
    rates = [rate for rate in notice.rates if rate.counted]
    if len(rates) > 1 or (rates and notice.cause != "online_rate"):
        for rate in rates[: _RATES[form]]:
            yield w.text(
                "{scope}: online {rate} ({online}/{counted}), required {threshold}",
                scope=clean(rate.scope, NAME) or w.text("Whole network"),
                rate=percent(rate),
                online=rate.online,
                counted=rate.counted,
                threshold=limit(rate),
            )
        if (more := len(rates) - _RATES[form]) > 0:
            yield w.many("and {n} more area", "and {n} more areas", more)
    elif rates:
        rate = rates[0]
        yield w.text(
            "Online {online} of {counted}, offline {offline}",
            online=rate.online,
            counted=rate.counted,
            offline=rate.counted - rate.online,
        )
    elif notice.counted > notice.offline > 1:
        yield w.text("Offline {offline} of {counted}", offline=notice.offline, counted=notice.counted)


def _devices(w: Words, notice: Notice, form: Form, zone: tzinfo) -> Iterator[str]:
    shown = notice.devices[: _DEVICES[form]]
    if not shown or notice.kind is NoticeKind.RESOLVED:
        return
    if len(notice.devices) == 1 and notice.offline <= 1:
        only = shown[0]
        yield w.text("Address: {address}", address=clean(only.address, NAME))
        if only.reason != notice.cause:  # else the headline has said it
            yield w.text("Cause: {reason}", reason=reason_word(w, only.reason))
        return
    yield w.text("Offline:") if notice.offline else w.text("Affected:")
    for device in shown:
        yield _device(w, device, notice, zone)
    if (more := max(notice.offline or notice.affected, len(notice.devices)) - len(shown)) > 0:
        yield w.many("and {n} more", "and {n} more", more)


def _device(w: Words, device: DeviceLine, notice: Notice, zone: tzinfo) -> str:
    site = (
        clean(device.site, NAME) if device.site and device.site not in (notice.place, notice.subject) else ""
    )
    facts = (
        clean(device.name, NAME),
        site,
        clean(device.address, NAME),
        reason_word(w, device.reason),
        moment(w, device.since, notice.at, zone),
    )
    return "· " + " ".join(fact for fact in facts if fact)


def _sms(w: Words, notice: Notice, zone: tzinfo) -> str:
    """One line. No 【】: operators keep these for the sender's signature and refuse them elsewhere."""
    parts = [w.text("{status}: {headline}", status=status_word(w, notice), headline=headline(w, notice))]
    if notice.place and notice.place != notice.subject and notice.kind is not NoticeKind.DIGEST:
        parts.append(clean(notice.place, NAME))
    parts.extend(_excuses(w, notice))
    if len(notice.rates) == 1 and notice.rates[0].counted and not notice.excuses:
        rate = notice.rates[0]
        parts.append(
            w.text("{offline} of {counted} offline", offline=rate.counted - rate.online, counted=rate.counted)
        )
    if notice.kind is NoticeKind.DIGEST and notice.areas:
        parts.append(w.text(", ").join(clean(area, 16) for area in notice.areas[:3]))
    if notice.kind is NoticeKind.ESCALATED and notice.detail:
        parts.append(clean(notice.detail, NAME))
    if when := _when(w, notice, Form.SMS, zone):
        parts.append(when)
    if remedy := _REMEDIES.get(notice.remedy):
        parts.append(w.text(remedy))
    if pause := _pause(w, notice, zone):
        parts.append(pause)
    names = [clean(device.name, 16) for device in notice.devices[:2]]
    if names and notice.kind is not NoticeKind.RESOLVED and names != [clean(notice.subject, 16)]:
        parts.append(w.text(", ").join(names))
    incident = f" #{notice.incident}" if notice.incident is not None else ""
    return cut(w.text("; ").join(parts), SMS_CHARS - len(incident)) + incident
