"""Virtual environments of the measurement's own, each from its lock file: what's in them never enters the project's."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from deployments.stack import CHECKOUT, HOME

LOCKS = CHECKOUT / "deployments" / "bench" / "locks"
PLACE = HOME / "bench"
MADE_FROM = "made-from"


class NoEnvironment(Exception):
    """A virtual environment can't be made; says what pip said, and what to measure without it."""


def lock_of(name: str) -> str:
    """The lock file's text; `name`: dbos, temporal or plot."""
    return (LOCKS / f"{name}.lock").read_text()


def environment(name: str, say: Callable[[str], None], place: Path = PLACE) -> Path:
    """The directory with the environment's programs, made or made anew if its lock file has changed meanwhile."""
    home, lock = place / name, LOCKS / f"{name}.lock"
    wanted = f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {sys.version}"
    made_from = home / MADE_FROM
    if not made_from.exists() or made_from.read_text() != wanted:
        say(f"{name}: making its environment from {lock.relative_to(CHECKOUT)}")
        pip = ("-m", "pip", "--quiet", "--disable-pip-version-check")
        python = str(home / "bin" / "python")
        _run(name, sys.executable, "-m", "venv", "--clear", str(home))
        _run(name, python, *pip, "install", "--no-deps", "--require-hashes", "-r", str(lock))
        _run(name, python, *pip, "check")
        made_from.write_text(wanted)
    return home / "bin"


def version_in(lock: str, package: str) -> str:
    """The version that a lock file pins; raises LookupError where it has none."""
    found = re.search(rf"^{re.escape(package)}==([^\s;]+)", lock, re.MULTILINE)
    if found is None:
        raise LookupError(f"the lock file pins no {package}")
    return found[1]


def bare(environment: Mapping[str, str]) -> dict[str, str]:
    """A process environment in which another virtual environment's Python finds its own packages."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {name: value for name, value in environment.items() if name not in dropped}


def _run(name: str, *command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the commands are ours
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[-2000:]
        raise NoEnvironment(
            f"the environment of {name} can't be made: {' '.join(command[1:4])} says:\n{said}\n"
            "To measure without the engines: make speed ARGS=--engines"
        )
