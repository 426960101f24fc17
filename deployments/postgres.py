"""A PostgreSQL server of the stack's own, from whatever server binary this machine has."""

import os
import pwd
import shutil
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import run
from typing import Final

from deployments.children import Child
from deployments.ports import LOOPBACK, free_port

ROLE: Final = "countersign"
DATABASE: Final = "postgres"
PROTOCOL: Final = 3 << 16
READY_SECONDS = 30
UNPRIVILEGED = ("postgres", "nobody")


class NoPostgres(Exception):
    """There is no server binary, or no user to run it as. Says what to install or to set."""


def find_binaries() -> Path:
    """The directory with `initdb` and `postgres`: on the PATH, or where Debian keeps its versions, newest first."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(debian, key=lambda path: float(path.parent.name), reverse=True)
    for candidate in candidates:
        if (candidate / "initdb").exists() and (candidate / "postgres").exists():
            return candidate
    raise NoPostgres("No PostgreSQL server here. On Debian: apt-get install postgresql; or leave it at SQLite.")


@contextmanager
def local_postgres(data: Path, log: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Runs a server on a free loopback port, with its data in `data`; gives Prefect's address of its database.

    PostgreSQL refuses to run as root: there it runs as another user, who owns `data` and must be able to reach it.
    Trusts every local connection, and is made to be fast rather than to outlive a power cut.
    """
    binaries = find_binaries()
    user = _unprivileged() if os.geteuid() == 0 else None
    if not (data / "PG_VERSION").exists():
        data.mkdir(parents=True, exist_ok=True)
        _hand_over(data, user)
        made = run(  # noqa: S603 - the command is ours
            [binaries / "initdb", "-D", data, "-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=user.pw_uid if user else None,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise NoPostgres(f"initdb failed: {made.stderr.strip()}")
    port = free_port()
    options = {
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "200",
    }
    server = Child(
        "postgresql",
        [
            str(binaries / "postgres"),
            *("-D", str(data), "-p", str(port)),
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
        ],
        cwd=Path("/"),
        env={"PATH": os.defpath, "LANG": "C.UTF-8", **(environment or {})},
        log=log,
        user=user.pw_uid if user else None,
    )
    try:
        server.wait_until(lambda: _accepts(port), "accepting connections", READY_SECONDS)
        yield f"postgresql+asyncpg://{ROLE}@{LOOPBACK}:{port}/{DATABASE}"
    finally:
        server.stop(with_signal=signal.SIGINT)  # "fast": doesn't wait for its clients to leave


def _unprivileged() -> pwd.struct_passwd:
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgres("PostgreSQL refuses to run as root, and there is no other user to run it as.")


def _hand_over(data: Path, user: pwd.struct_passwd | None) -> None:
    data.chmod(0o700)
    if user is None:
        return
    os.chown(data, user.pw_uid, user.pw_gid)
    reachable = run(["test", "-w", data], user=user.pw_uid, cwd="/", check=False)  # noqa: S603, S607
    if reachable.returncode != 0:
        raise NoPostgres(
            f"PostgreSQL refuses to run as root, and the user {user.pw_name} can't reach {data}. "
            "Work as another user, or name a server in COUNTERSIGN_DATABASE_URL."
        )


def _accepts(port: int) -> bool:
    """Whether it lets our role in: a listening server may still be recovering (protocol 3.0, start-up message)."""
    asked = f"user\0{ROLE}\0database\0{DATABASE}\0\0".encode()
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall((len(asked) + 8).to_bytes(4) + PROTOCOL.to_bytes(4) + asked)
            return connection.recv(1) == b"R"
    except OSError:
        return False
