"""ICMP echo for a whole fleet over one socket per address family.

collector   what the daemon sees: targets in, results out
sweep       the book of one ``collect`` call: which echoes came back, and what that makes of each device
pinger      the engine of one address family: pacing, matching, the one time-out queue
batched     sockets read and written by the batch (sendmmsg/recvmmsg); ``plain`` does it one at a time
sockets     opening the socket: raw or unprivileged, buffers, kernel time stamps
ancillary   control messages: time stamps and ICMP errors
bpf         the kernel filter of the raw socket
packet      the echo packet and its proof of origin
"""

from monitor.collectors.icmp.collector import IcmpCollector, IcmpSettings

__all__ = ["IcmpCollector", "IcmpSettings"]
