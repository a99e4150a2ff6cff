"""Logging: structlog to standard error, as JSON or for the console; quiet by default."""

from __future__ import annotations

import logging
import sys

import structlog

from monitor.config.daemon import LogFormat, LogSettings


def configure_logging(settings: LogSettings) -> None:
    """Every line has ``timestamp`` (UTC, ISO 8601), ``level``, ``room`` and ``event``, then its own keys.

    Libraries log through the standard ``logging``: only their warnings pass, and never below, since several
    of them print addresses with credentials at DEBUG.
    """
    level = logging.getLevelNamesMapping()[settings.level.value.upper()]
    json = settings.format is LogFormat.JSON
    tty = sys.stderr.isatty()
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        # Plain: the default shows the local variables of every frame, and with them whatever is secret.
        else structlog.dev.ConsoleRenderer(
            colors=tty, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    )
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if json:
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, force=True)
