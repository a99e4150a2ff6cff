"""A far-away fleet: answers every echo request that is routed into a TUN device, after a delay.

``python -m bench.tun_responder DEVICE DELAY_MS`` prints ``ready`` and ends with its standard input. For want
of ``netem``; it runs in the network namespace that it is started in.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque

_TUNSETIFF = 0x400454CA
_IFF_TUN_WITHOUT_HEADER = 0x1001


def answer(request: bytes) -> bytes:
    """The echo reply: addresses swapped, type 0, checksum grown by what the type shrank (RFC 1624)."""
    total = int.from_bytes(request[22:24]) + 0x0800
    checksum = (total & 0xFFFF) + (total >> 16)
    return b"".join(
        (request[:12], request[16:20], request[12:16], b"\0\0", checksum.to_bytes(2), request[24:])
    )


def main() -> None:
    device, delay = sys.argv[1], float(sys.argv[2]) / 1000
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TUN_WITHOUT_HEADER))
    subprocess.run(["ip", "link", "set", device, "up", "txqueuelen", "20000"], check=True)
    print("ready", flush=True)
    waiting: deque[tuple[float, bytes]] = deque()
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select([tun, 0], [], [], pause)
        if 0 in readable:
            return
        if tun in readable:
            due = time.monotonic() + delay
            for _ in range(64):
                try:
                    request = os.read(tun, 2000)
                except BlockingIOError:
                    break
                if len(request) >= 28 and request[0] == 0x45 and request[9] == 1 and request[20] == 8:
                    waiting.append((due, answer(request)))
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            os.write(tun, waiting.popleft()[1])


if __name__ == "__main__":
    main()
