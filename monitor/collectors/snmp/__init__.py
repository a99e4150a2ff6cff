"""SNMP: a small engine of our own (v1, v2c, v3), profiles by sysObjectID, rates, traps.

==============  =====================================================================
ber             the codec: definite-length BER as RFC 3417 section 8 restricts it
messages        requests, replies and the v1/v2c envelope
keys, usm       v3: keys and ciphers; the USM envelope and what is known of an engine
talk            conversations as generators, no I/O: get, walk, table
engine, udp     the only sockets: matching, retries, windows, ICMP errors
aiosnmp_engine  another engine behind the same interface
profiles        what to ask of a device type, in TOML
rates, poll     counters to rates; replies to readings
collector       the check
traps           the receiver of notifications
topology        which port a camera hangs on
==============  =====================================================================
"""
