"""Two hosts on one machine: network namespaces on a bridge, that reach this one's 10.x address and nothing else."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

HERE = "10.231.77.1"
SUBNET = "10.231.77.0/24"
BRIDGE, BRIDGE_MAC = "countersign0", "02:43:53:00:00:01"
ANSWERS_WITHIN = 10


class NoNamespaces(Exception):
    """This machine or this user can't have network namespaces. Says why, and what to do."""


@dataclass(frozen=True)
class Host:
    """One namespace. `link`: this machine's end of its cable."""

    name: str
    address: str

    @property
    def namespace(self) -> str:
        return f"countersign-{self.name}"

    @property
    def link(self) -> str:
        return f"countersign-{self.name}"

    @property
    def enter(self) -> tuple[str, ...]:
        """What stands before a command that is to run there; it is replaced by the command, so the id is its own."""
        return ("ip", "netns", "exec", self.namespace)

    def processes(self) -> list[int]:
        """Process ids of all that runs there."""
        return [int(pid) for pid in ip("netns", "pids", self.namespace).split()]

    def cut(self) -> None:
        """Pull the cable: what is sent gets lost, and nobody is told."""
        ip("link", "set", self.link, "down")

    def join(self) -> None:
        """Put it in again."""
        ip("link", "set", self.link, "up")


HOSTS = (Host("a", "10.231.77.11"), Host("b", "10.231.77.12"))


def refuse_if_impossible() -> None:
    """Raises `NoNamespaces` before anything is started."""
    if os.geteuid() != 0:
        raise NoNamespaces("Network namespaces need root: run `sudo make hosts`, or run it in a container as root.")
    if shutil.which("ip") is None:
        raise NoNamespaces("There is no `ip` command. On Debian: apt-get install iproute2.")
    taken = [host.namespace for host in HOSTS if host.namespace in ip("netns", "list").split()]
    if taken:
        remove = "; ".join([*(f"ip netns del {name}" for name in taken), f"ip link del {BRIDGE}"])
        raise NoNamespaces(
            f"The namespaces {', '.join(taken)} exist: another `make hosts` runs, or one was killed. Then: {remove}"
        )
    if ip("-o", "-4", "address", "show", "to", SUBNET):
        raise NoNamespaces(f"This machine has an address in {SUBNET} already, which is what the two hosts would use.")


@contextmanager
def network(hosts: Sequence[Host] = HOSTS) -> Iterator[None]:
    """The bridge and the hosts, until it is left, however. Raises `NoNamespaces`."""
    refuse_if_impossible()
    with ExitStack() as stack:
        ip("link", "add", BRIDGE, "address", BRIDGE_MAC, "type", "bridge")
        stack.callback(ip, "link", "del", BRIDGE)
        ip("address", "add", f"{HERE}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for host in hosts:
            ip("netns", "add", host.namespace)
            stack.callback(ip, "netns", "del", host.namespace)
            ip("link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
            stack.callback(ip, "link", "del", host.link)  # a namespace that is gone lets go of it some time later
            ip("link", "set", host.link, "master", BRIDGE, "up")
            inside = ("-n", host.namespace)
            ip(*inside, "link", "set", "lo", "up")
            ip(*inside, "address", "add", f"{host.address}/24", "dev", "eth0")
            ip(*inside, "link", "set", "eth0", "up")
            # As behind a router: nothing on the host's own wire says that the other side is gone.
            ip(*inside, "neigh", "replace", HERE, "lladdr", BRIDGE_MAC, "dev", "eth0", "nud", "permanent")
        yield


def ip(*words: str) -> str:
    """Run `ip` with these words; its output. Raises `NoNamespaces` with what it complains of."""
    done = subprocess.run(  # noqa: S603 - the words are ours
        ["ip", *words],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        timeout=ANSWERS_WITHIN,
    )
    if done.returncode != 0:
        raise NoNamespaces(f"`ip {' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout
