"""The dead man's switch: one short GET, bounded in time and size, that follows no redirect."""

from __future__ import annotations

import aiohttp

from monitor.secrets import Secret

_BODY = 1024


class HeartbeatError(Exception):
    """The address did not take it. The text never holds the address: that is a secret."""


async def beat(url: Secret, timeout_s: float) -> None:
    """``HeartbeatError`` unless the answer is 2xx."""
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(url.reveal(), allow_redirects=False) as answer,
        ):
            await answer.content.read(_BODY)
            status = answer.status
    except TimeoutError:
        raise HeartbeatError("no answer in time") from None
    except aiohttp.InvalidURL:
        raise HeartbeatError("not a valid address") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # The error's own text names the host, and may name the path.
        raise HeartbeatError(type(error).__name__) from None
    if not 200 <= status < 300:
        raise HeartbeatError(f"answered with status {status}")
