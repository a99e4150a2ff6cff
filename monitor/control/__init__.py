"""The control socket: how ``camwatch status`` and its kin talk to the running daemon."""
