"""What the SNMP bench asks, and whom: a switch of 48 ports as a walk made by hand, and its simulator as a
process of its own."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path

from monitor.collectors.snmp import ber
from monitor.simulate import snmp_agents
from monitor.simulate.snmprec import Walk, encode_unsigned, encode_value

PORTS = 48
IF_TABLE = "1.3.6.1.2.1.2.2.1"
IF_X_TABLE = "1.3.6.1.2.1.31.1.1.1"
_COUNTERS = (10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)


def switch() -> Walk:
    """system, ifTable (22 columns) and ifXTable (19): 1,968 values in the tables."""
    values: dict[bytes, bytes] = {}

    def put(name: str, tlv: bytes) -> None:
        values[ber.oid(name)] = tlv

    put("1.3.6.1.2.1.1.1.0", encode_value(ber.OCTETS, "Bench switch", False))
    put("1.3.6.1.2.1.1.2.0", encode_value(ber.OID, "1.3.6.1.4.1.2011.2.23.1", False))
    put("1.3.6.1.2.1.1.3.0", encode_unsigned(ber.TIME_TICKS, 987654321))
    put("1.3.6.1.2.1.1.5.0", encode_value(ber.OCTETS, "sw", False))
    for port in range(1, PORTS + 1):
        name = f"GigabitEthernet0/0/{port}"
        for column in range(1, 23):
            match column:
                case 2:
                    tlv = encode_value(ber.OCTETS, name, False)
                case 6:
                    tlv = ber.tlv(ber.OCTETS, bytes((0, 0x1B, 0x21, 0, 0, port)))
                case 5:
                    tlv = encode_unsigned(ber.GAUGE32, 1_000_000_000)
                case 3:
                    tlv = ber.encode_integer(6)
                case 9:
                    tlv = encode_unsigned(ber.TIME_TICKS, port * 1000)
                case 22:
                    tlv = encode_value(ber.OID, "0.0", False)
                case _ if column in _COUNTERS:
                    tlv = encode_unsigned(ber.COUNTER32, port * column * 7919 % (1 << 32))
                case _:
                    tlv = ber.encode_integer(port if column == 1 else 1)
            put(f"{IF_TABLE}.{column}.{port}", tlv)
        for column in range(1, 20):
            if column in (1, 18):
                tlv = encode_value(ber.OCTETS, name if column == 1 else f"camera {port}", False)
            elif column in range(6, 14):
                tlv = encode_unsigned(ber.COUNTER64, (port * column * 7919) << 20)
            elif column in range(2, 6):
                tlv = encode_unsigned(ber.COUNTER32, port * column * 104729)
            elif column == 15:
                tlv = encode_unsigned(ber.GAUGE32, 1000)
            elif column == 19:
                tlv = encode_unsigned(ber.TIME_TICKS, 0)
            else:
                tlv = ber.encode_integer(1)
            put(f"{IF_X_TABLE}.{column}.{port}", tlv)
    return Walk.of(values)


def columns() -> list[bytes]:
    return [ber.oid(f"{IF_TABLE}.{n}") for n in range(1, 23)] + [
        ber.oid(f"{IF_X_TABLE}.{n}") for n in range(1, 20)
    ]


def scalars() -> list[str]:
    """Ten objects, as a poll of a device's own figures asks for."""
    return ["1.3.6.1.2.1.1.3.0"] + [f"{IF_X_TABLE}.6.{port}" for port in range(1, 10)]


def pin(core: int) -> None:
    """Client and responder apart, where there are two cores."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


def _serve(port: Connection, silent: list[str], stop: int) -> None:
    pin(1)
    with snmp_agents.open_socket() as sock:
        port.send(sock.getsockname()[1])
        faults = dict.fromkeys(silent, snmp_agents.Fault.SILENT)
        snmp_agents.serve(sock, snmp_agents.Agents(switch(), faults=faults), stop)


class Responder:
    """The simulator in a process, on a port of its own; ``with`` ends it."""

    def __init__(self, silent: list[str] | None = None) -> None:
        self._silent = silent or []

    def __enter__(self) -> int:
        ours, theirs = multiprocessing.Pipe()
        self._stop_read, self._stop = os.pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_serve, args=(theirs, self._silent, self._stop_read))
        self._process.start()
        return int(ours.recv())

    def cpu_s(self) -> float:
        """CPU seconds that it has used."""
        return int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[0]) / 1e9

    def __exit__(self, *_: object) -> None:
        os.write(self._stop, b"x")
        self._process.join()
        os.close(self._stop)
        os.close(self._stop_read)


def addresses(count: int) -> list[str]:
    return [f"127.1.{n >> 8}.{n & 255}" for n in range(1, count + 1)]
