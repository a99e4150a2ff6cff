"""The one line that says it all: how bad, what, and what happened to it."""

from __future__ import annotations

from monitor.model import Reason, Severity
from monitor.notifiers.clean import clean
from monitor.notifiers.evidence_words import evidence_brief, evidence_over
from monitor.notifiers.notice import Notice, NoticeKind, RateLine
from monitor.words import N_, Words

NAME = 40
DETAIL = 160

_SEVERITIES = {
    Severity.CRITICAL: N_("critical"),
    Severity.MAJOR: N_("major"),
    Severity.WARNING: N_("warning"),
    Severity.INFO: N_("info"),
}

BROKEN = {
    "device_down": N_("{subject} is offline"),
    "devices_down": N_("{subject}: several devices offline"),
    "device_unreachable": N_("{subject} cannot be reached"),
    "device_unknown": N_("{subject} is not being measured"),
    "online_rate": N_("{subject}: online rate too low"),
    "threshold": N_("{subject}: limit exceeded"),
    "baseline": N_("{subject}: a reading is not as usual"),
    "forecast": N_("{subject}: a limit will be reached before long"),
    "month_forecast": N_("{subject}: the month is heading for too low an online rate"),
    "blind": N_("The monitoring system has lost its own network: device states unknown"),
    "ledger": N_("The monitoring system cannot write its ledger"),
    "sink": N_("The monitoring system cannot store measurements"),
    "channel": N_("Messages through channel {subject} are not delivered"),
    "clock": N_("The monitoring system's clock was changed"),
    "pause": N_("The monitoring system stood still for a while"),
    "overrun": N_("The monitoring system cannot keep pace: checks are late"),
    "power_cut": N_("Probable power cut: {subject}"),
    "storm": N_("Many alerts at once"),
    "disk": N_("The monitoring system runs out of disk space"),
    "descriptors": N_("The monitoring system runs out of file descriptors"),
    "memory": N_("The monitoring system uses too much memory"),
    "lag": N_("The monitoring system reacts late"),
    "ntp": N_("The monitoring system's clock is wrong"),
    "task": N_("Part of the monitoring system failed and was started again"),
    "heartbeat": N_("The monitoring system's heartbeat is not accepted"),
    "peer": N_("The other monitoring system ({subject}) gives no sign of life"),
    "credential": N_("The cameras refuse the password of account {subject}"),
    "no_service": N_("{subject}: on the network, but its service does not answer"),
    "no_video": N_("{subject}: no video"),
    "busy": N_("{subject}: no session to spare"),
    "wrong_password": N_("{subject}: refuses the password"),
    "wrong_clock": N_("{subject}: clock is wrong"),
    "replaced": N_("{subject}: another device answers in its place"),
    "unauthorised": N_("{subject}: an unauthorised device answers in its place"),
    "rebooted": N_("{subject} has rebooted"),
    "paper": N_("The report {subject} could not be made"),
    "poe_port": N_("PoE port {subject}: switched off for a remedy, and the switch does not give power back"),
    "test": N_("Test message, please ignore"),
    "report": N_("{subject}"),
}

_MENDED = {
    "device_down": N_("{subject} is back online"),
    "devices_down": N_("{subject}: all devices are back online"),
    "device_unreachable": N_("{subject} can be reached again"),
    "device_unknown": N_("{subject} is being measured again"),
    "online_rate": N_("{subject}: online rate is back"),
    "threshold": N_("{subject} is back to normal"),
    "baseline": N_("{subject}: the reading is as usual again"),
    "forecast": N_("{subject}: the limit will not be reached before long"),
    "month_forecast": N_("{subject}: the month will end well at the present rate"),
    "blind": N_("The monitoring system's network is back"),
    "ledger": N_("The monitoring system writes its ledger again"),
    "sink": N_("The monitoring system stores measurements again"),
    "channel": N_("Messages through channel {subject} are delivered again"),
    "clock": N_("The monitoring system's clock is right again"),
    "pause": N_("The monitoring system runs steadily again"),
    "overrun": N_("The monitoring system keeps pace again"),
    "power_cut": N_("Power is back: {subject}"),
    "storm": N_("The alerts are over"),
    "disk": N_("The monitoring system has disk space again"),
    "descriptors": N_("The monitoring system has file descriptors again"),
    "memory": N_("The monitoring system's memory is back to normal"),
    "lag": N_("The monitoring system reacts in time again"),
    "ntp": N_("The monitoring system's clock is accurate again"),
    "task": N_("All parts of the monitoring system run again"),
    "heartbeat": N_("The monitoring system's heartbeat is accepted again"),
    "peer": N_("The other monitoring system ({subject}) is back"),
    "credential": N_("The cameras take the password of account {subject} again"),
    "no_service": N_("{subject}: its service answers again"),
    "no_video": N_("{subject}: video is back"),
    "busy": N_("{subject}: has sessions to spare again"),
    "wrong_password": N_("{subject}: takes the password again"),
    "wrong_clock": N_("{subject}: clock is right again"),
    "replaced": N_("{subject}: the device known before answers again"),
    "unauthorised": N_("{subject}: an authorised device answers again"),
    "rebooted": N_("{subject} has not rebooted again"),
    "paper": N_("The report {subject} has been made after all"),
    "poe_port": N_("PoE port {subject}: the switch gives power again"),
}

_REASONS: dict[str, str] = {
    Reason.TIMEOUT: N_("no answer"),
    Reason.UNREACHABLE: N_("network unreachable"),
    Reason.REFUSED: N_("connection refused"),
    Reason.AUTH: N_("login failed"),
    Reason.PROTOCOL: N_("answer not understood"),
    Reason.OVERSIZE: N_("answer too large"),
    Reason.BUSY: N_("device busy"),
    Reason.NO_VIDEO: N_("no video"),
    Reason.WRONG_SOURCE: N_("answered from another address"),
    Reason.UNEXPECTED: N_("unexpected answer"),
    Reason.SEND_FAILED: N_("probe not sent"),
    Reason.OWN_LOSS: N_("reply lost on our side"),
    Reason.RESOLVE: N_("host name does not resolve"),
    "restless": N_("on line for now"),
    "no_service": N_("network answers, service does not"),
    "wrong_password": N_("wrong password"),
    "wrong_clock": N_("clock is wrong"),
    "replaced": N_("device replaced"),
    "unauthorised": N_("unauthorised device"),
    "rebooted": N_("rebooted"),
}


def severity_word(words: Words, severity: Severity) -> str:
    return words.text(_SEVERITIES[severity])


def reason_word(words: Words, reason: str) -> str:
    """A ``Reason`` or a fault in words; a reason from another version of the program as it is."""
    known = _REASONS.get(reason)  # members of a StrEnum are found by their value
    return words.text(known) if known else clean(reason, 20)


def status_word(words: Words, notice: Notice) -> str:
    """How bad it is, or that it is over."""
    severity = severity_word(words, notice.severity)
    match notice.kind:
        case NoticeKind.RESOLVED:
            if notice.excuses:
                return words.text("excused")
            return words.text("no longer reported") if notice.unreported else words.text("resolved")
        case NoticeKind.TEST:
            return words.text("test")
        case NoticeKind.REPEATED:
            return words.text("{severity}, still open", severity=severity)
        case NoticeKind.CHANGED:
            return words.text("{severity}, changed", severity=severity)
        case NoticeKind.ESCALATED:
            return words.text("{severity}, escalated: time is running out", severity=severity)
        case NoticeKind.PROGRESS:
            return words.text("{severity}, progress", severity=severity)
        case NoticeKind.DIGEST:
            return words.text("Digest")
        case NoticeKind.REPORT:
            return words.text("report")
    return severity


def headline(words: Words, notice: Notice) -> str:
    """What is broken, or whole again; what is no longer reported is not said to be whole."""
    subject = clean(notice.subject, NAME) or words.text("Whole network")
    over = notice.kind is NoticeKind.RESOLVED and not notice.unreported
    if over and notice.closed_by:
        return words.text("{subject}: closed by {name}", subject=subject, name=clean(notice.closed_by, NAME))
    if notice.places > 1:
        more = notice.places - 1
        subject = words.many(
            "{subject} and {n} more place", "{subject} and {n} more places", more, subject=subject
        )
    if notice.restless and not over and notice.cause == "device_down" and notice.offline <= 1:
        return words.text("{subject} goes off line and comes back again and again", subject=subject)
    if over and notice.excuses:
        return words.text("{subject}: the breach is excused by an exclusion", subject=subject)
    if notice.cause == "online_rate" and notice.rates and notice.rates[0].scope == notice.subject:
        rate = notice.rates[0]
        if over and not rate.counted:
            return words.text("{subject}: no device is counted any more", subject=subject)
        if over:
            return words.text("{subject}: online rate back at {rate}", subject=subject, rate=percent(rate))
        return words.text(
            "{subject}: online rate {rate}, below {threshold}",
            subject=subject,
            rate=percent(rate),
            threshold=limit(rate),
        )
    if notice.evidence is not None:
        told = evidence_over(words, notice.evidence) if over else evidence_brief(words, notice.evidence)
        if told:
            return words.text("{subject}: {told}", subject=subject, told=told)
    if notice.cause == "threshold" and notice.detail and not over:
        return f"{subject} {clean(notice.detail, DETAIL)}"
    if notice.cause == "device_down" and notice.offline > 1 and not over:
        return words.many(
            "{subject} is offline, {n} device affected",
            "{subject} is offline, {n} devices affected",
            notice.offline,
            subject=subject,
        )
    if notice.cause == "devices_down" and not over:
        return words.many(
            "{subject}: {n} device offline", "{subject}: {n} devices offline", notice.offline, subject=subject
        )
    if notice.cause == "storm" and (notice.incidents or notice.ended):
        return _storm(words, notice)
    if notice.cause == "power_cut" and notice.offline > 1 and not over:
        return words.many(
            "Probable power cut: {subject}, {n} device offline at once; once confirmed it can be excluded",
            "Probable power cut: {subject}, {n} devices offline at once; once confirmed it can be excluded",
            notice.offline,
            subject=subject,
        )
    text = (_MENDED if over else BROKEN).get(notice.cause)
    if text is None:
        return f"{subject} {clean(notice.cause, NAME)}"
    line = words.text(text, subject=subject)
    if notice.affected > 1 and not over:
        return words.many("{line}, {n} device", "{line}, {n} devices", notice.affected, line=line)
    return line


def _storm(words: Words, notice: Notice) -> str:
    parts = []
    if notice.incidents:
        parts.append(words.many("{n} incident open", "{n} incidents open", notice.incidents))
    if notice.ended:
        parts.append(words.many("{n} incident over", "{n} incidents over", notice.ended))
    if notice.offline:
        parts.append(words.many("{n} device offline", "{n} devices offline", notice.offline))
    return words.text(", ").join(parts)


def percent(rate: RateLine) -> str:
    """The rate cut off, not rounded: a breach never reads like the limit. Integers only."""
    places = _places(rate.threshold_percent)
    scaled = rate.online * 100 * 10**places // rate.counted if rate.counted else 0
    return f"{scaled // 10**places}.{scaled % 10**places:0{places}d}%"


def limit(rate: RateLine) -> str:
    return f"{rate.threshold_percent:g}%"


def _places(threshold: float) -> int:
    return max(1, len(f"{threshold:g}".partition(".")[2]))
