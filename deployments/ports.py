"""Where a stack listens: the usual ports where they are free, any free ones otherwise; by itself on loopback only."""

import socket
from collections.abc import Callable
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Addresses:
    """Where the parts of a stack listen. `host`: the server and the sandbox; the receiver is for this machine only."""

    prefect_port: int
    sandbox_port: int
    receiver_port: int
    host: str = LOOPBACK

    @property
    def ui(self) -> str:
        return f"http://{self.host}:{self.prefect_port}"

    @property
    def prefect_api(self) -> str:
        return f"{self.ui}/api"

    @property
    def sandbox(self) -> str:
        return f"http://{self.host}:{self.sandbox_port}"

    @property
    def receiver(self) -> str:
        return f"http://{LOOPBACK}:{self.receiver_port}"

    @property
    def webhook(self) -> str:
        return f"{self.receiver}/hooks/docusign"


USUAL = Addresses(prefect_port=4200, sandbox_port=8700, receiver_port=8701)


def usual_addresses(say: Callable[[str], None]) -> Addresses:
    """The ports that people know; one that is taken is replaced by a free one, and `say` tells it."""

    def choose(port: int, of: str) -> int:
        if is_free(port):
            return port
        other = free_port()
        say(f"Port {port} is taken: {of} listens on {other} instead.")
        return other

    return Addresses(
        prefect_port=choose(USUAL.prefect_port, "the Prefect server"),
        sandbox_port=choose(USUAL.sandbox_port, "the sandbox"),
        receiver_port=choose(USUAL.receiver_port, "the webhook receiver"),
    )


def free_addresses(host: str = LOOPBACK) -> Addresses:
    """Any free ports, for stacks that live as long as a test."""
    return Addresses(prefect_port=free_port(), sandbox_port=free_port(), receiver_port=free_port(), host=host)


def is_free(port: int) -> bool:
    """Whether nothing listens on that port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that the system hands out as free. Somebody else may take it before it is used."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port
