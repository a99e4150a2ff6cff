"""One way to fuzz every door that data of others comes in by: good examples, bent at random, by a seed.

A door reads an input, and may refuse it by the exceptions that it names; anything else it raises, and any
input that holds it up, fails the test with the input in the message.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_PATIENCE_S = 20.0
"""For one input, on a machine that does other things too: who takes longer hangs."""
_BYTES = b"\x00\x01\x02\x09\x0a\x0d\x20\x22\x24\x2c\x30\x3c\x3e\x7f\x80\x81\x84\xfe\xff"
_LONGEST = 1 << 17
VALUES = (
    '""', "-1", "0", "1", "1e400", "nan", "-inf", "99999999999999999999999999", "[]", "{}", "[[]]",
    '["x"]', "true", '"\\u0000"', '"\\ud7ff"', "1979-05-27", "07:32:00", '"127.0.0.1"', '"::1%lo"',
    '"1h"', '"-1s"', '"99999999999999h"', '"0s"', '"../../.."', '"*"', '"[a"', '"{key}"', '"A" = "B"',
    "{ env = 1 }", '{ file = "" }', '{ file = "/" }', '"' + "长" * 5000 + '"', '"\\\\"', '"（"',
    "0x7fffffffffffffff", '{ kind = "camera" }', '["icmp", "icmp"]', '"~[[a"', '"~x{99999999999}"',
    '"~(' + "(" * 400 + '"',
    '"1e5s"', '"Asia/Shanghai"',
)  # fmt: skip
"""Values that a TOML key may get."""


@dataclass(frozen=True, slots=True)
class Door:
    name: str
    seeds: Sequence[bytes]
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()
    text: bool = False
    """Lines of ``key = value``, to be bent as such as well."""


def bent(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with up to eight bytes or pieces flipped, lost, doubled, or taken from another."""
    out = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(out) + 1)
        length = rng.choice((1, 2, 4, rng.randrange(64)))
        match rng.randrange(8):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at : at + 1] = bytes([rng.choice(_BYTES)])
            case 2:
                del out[at : at + length]
            case 3:
                out[at:at] = rng.randbytes(length)
            case 4:
                out[at:at] = out[at : at + length] * rng.choice((1, 2, 50))
            case 5:
                del out[at:]
            case 6:
                other = rng.choice(seeds)
                start = rng.randrange(len(other) + 1)
                out[at : at + length] = other[start : start + length]
            case 7:
                number = rng.choice((0, 1, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63))
                out[at : at + length] = str(number).encode()
    return bytes(out[:_LONGEST])


def bent_lines(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Lines lost, doubled, moved, taken from another seed; values and keys replaced."""
    lines = rng.choice(seeds).decode("utf-8", "replace").splitlines()
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not lines:
            break
        at = rng.randrange(len(lines))
        match rng.randrange(6):
            case 0:
                del lines[at]
            case 1:
                lines.insert(rng.randrange(len(lines) + 1), lines[at])
            case 2 | 3:
                key, equals, _ = lines[at].partition("=")
                if equals:
                    lines[at] = f"{key}= {rng.choice(VALUES)}"
            case 4:
                lines[at] = lines[at].replace("[", "[[", 1).replace("]", "]]", 1)
            case 5:
                other = rng.choice(seeds).decode("utf-8", "replace").splitlines() or [""]
                start = rng.randrange(len(other))
                lines[at:at] = other[start : start + rng.randrange(1, 6)]
    return "\n".join(lines).encode()


def knock(door: Door, count: int, seed: int) -> int:
    """``count`` bent inputs; how many were taken."""
    rng = random.Random(f"{door.name} {seed}")
    taken = 0
    for _ in range(count):
        lines = door.text and rng.random() < 0.8
        data = bent_lines(rng, door.seeds) if lines else bent(rng, door.seeds)
        old = signal.signal(signal.SIGALRM, _too_long)
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE_S)
        try:
            door.read(data)
        except door.refusals:
            continue
        except Exception as error:
            raise AssertionError(f"{door.name} falls over {data!r}: {error!r}") from error
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        taken += 1
    return taken


def _too_long(*_: object) -> None:
    raise TimeoutError(f"not done within {_PATIENCE_S} s")
