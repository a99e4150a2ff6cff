"""Who watches the watcher: ourselves, a time server, an outside address, a second Camwatch.

peer       one question and one signed answer between two instances
standby    which messages a standby holds back, and which it sends
heartbeat  the dead man's switch: an outside address that raises the alarm when we fall silent
guardian   the task that looks after all of these
"""
