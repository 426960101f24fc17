"""What worker and zygote say to each other: one JSON object a packet, over a socket that keeps packets whole."""

import json
import socket
from dataclasses import asdict, dataclass, field
from typing import Any

LARGEST = 120_000  # bytes; Linux takes about 200,000 in one packet


class TooLarge(Exception):
    """An order doesn't fit into one packet: the run's environment is larger than any should be."""


@dataclass(frozen=True)
class Order:
    """Worker to zygote: fork a process for this flow run. `environment`: None takes a variable away."""

    number: int
    environment: dict[str, str | None]
    directory: str | None = None


@dataclass(frozen=True)
class Ready:
    """Zygote to worker: everything is imported. `failed`: what could not be, with the reason, by module."""

    seconds: float
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Started:
    """Zygote to worker: the order's process."""

    number: int
    pid: int


@dataclass(frozen=True)
class Stale:
    """Zygote to worker: the code has changed, so I begin anew; give me that order again."""

    number: int


@dataclass(frozen=True)
class Ended:
    """Zygote to worker: a process ended. `code` as subprocess has it: minus the signal's number for a killed one."""

    pid: int
    code: int


Message = Order | Ready | Started | Stale | Ended
KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Order, Ready, Started, Stale, Ended)}


def packed(message: Message) -> bytes:
    """As it goes over the socket. Raises `TooLarge`."""
    data = json.dumps([type(message).__name__, asdict(message)]).encode()
    if len(data) > LARGEST:
        raise TooLarge(f"{type(message).__name__} of {len(data)} bytes; at most {LARGEST} go into one packet")
    return data


def unpacked(data: bytes) -> Message:
    """As it came out of it."""
    kind, fields = json.loads(data)
    message: Message = KINDS[kind](**fields)
    return message


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends that keep packets whole."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
