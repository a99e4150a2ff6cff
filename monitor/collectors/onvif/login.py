"""The first logged-in call of a conversation: where a password shows its worth."""

from __future__ import annotations

from monitor.collectors.credentials import Credential, admit
from monitor.collectors.http1 import WireError
from monitor.collectors.onvif import soap
from monitor.collectors.onvif.talk import Talk
from monitor.collectors.onvif.xml import Element
from monitor.model import DeviceId, Reason


async def log_in(talk: Talk, account: Credential | None, device: DeviceId, deadline: float) -> Element:
    """Asks for the device information, and tells the account what the camera thought of it."""
    if account is None:
        try:
            return await talk.ask(soap.GET_INFORMATION)
        except WireError as error:
            if error.reason is Reason.AUTH:
                raise WireError(Reason.AUTH, "a password is wanted and none is configured") from None
            raise
    await admit(account, device, deadline)
    told = account.undecided
    try:
        element = await talk.ask(soap.GET_INFORMATION)
        told = account.accepted
        return element
    except WireError as error:
        if error.reason is Reason.AUTH:
            told = account.refused
        raise
    finally:
        told(device)
