"""Links in messages: acknowledge from the phone.

With ``daemon.base_url`` set, a message about an incident that nobody has acknowledged carries
``BASE/ack/TOKEN``. Tokens are made when a message is worded and are nowhere in the books. The page behind
the link asks the control socket to ``redeem`` the token, and only when a person presses its button: chat
programs and mail filters open links of their own accord.
"""

from __future__ import annotations

import sqlite3

import structlog

from monitor.alerts.tokens import TokenError, Tokens, Used
from monitor.config.daemon import DaemonSettings
from monitor.model import WallMs
from monitor.notifiers.notice import Notice, NoticeKind

log = structlog.get_logger(room="links")

_VALID_MS = 24 * 3600 * 1000
_ASKING = frozenset({NoticeKind.OPENED, NoticeKind.CHANGED, NoticeKind.REPEATED, NoticeKind.ESCALATED})


class Links:
    def __init__(self, settings: DaemonSettings, db: sqlite3.Connection) -> None:
        """The key is made on first use. If it cannot be had (a full disk), messages go without links."""
        self._base = settings.base_url.rstrip("/")
        self._tokens: Tokens | None = None
        if not self._base:
            return
        try:
            self._tokens = Tokens.of_file(settings.state_dir / "link.key")
        except (TokenError, OSError) as error:
            log.error("messages go without links", why=str(error))
        else:
            self._tokens.take_up(dict(db.execute("SELECT nonce, ends FROM link_used")))

    def of(self, notice: Notice) -> str:
        """The link for this message; empty when there is none to give."""
        if self._tokens is None or notice.incident is None or notice.acked_by or notice.kind not in _ASKING:
            return ""
        ends = WallMs(notice.at + _VALID_MS)
        return f"{self._base}/ack/{self._tokens.issue(notice.incident, ends)}"

    def read(self, token: str, now: WallMs) -> Used:
        """Raises ``TokenError``, whose text is for the person."""
        if self._tokens is None:
            raise TokenError("this Camwatch gives no links")
        return self._tokens.read(token, now)

    def use(self, used: Used, now: WallMs) -> None:
        if self._tokens is not None:
            self._tokens.use(used, now)
