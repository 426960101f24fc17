"""The zygote: imports Prefect and every flow once, opens nothing, starts no thread, and forks a process for each run.

`python -m deployments.worker.zygote SOCKET CODE`. It ends with the worker's end of the socket; its children live on,
as those of Prefect's process worker do. When a file of the code has changed it begins anew before the next run, so
that every run gets the code that is on the disk, as with a fresh Python.
"""

import asyncio
import gc
import importlib
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import uvloop
from jinja2 import TemplateError
from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from deployments.worker.known import leave_out_what_is_known
from deployments.worker.messages import LARGEST, Ended, Message, Order, Ready, Stale, Started, packed, unpacked
from deployments.worker.prefect_inside import begin_runs_unwatched, report_steps_by_their_ends, share_certificates
from tasks.casefile import environment
from vendors.http import trusted

PACKAGES = ("deployments", "flows", "tasks", "vendors", "rules")
# What is imported only once a run is under way.
LATER = (
    "anyio._backends._asyncio",
    "encodings.idna",
    "holidays.countries",
    "prefect.deployments.steps.core",
    "prefect.deployments.steps.pull",
    "prefect.engine",
    "prefect.events.clients",
    "prefect.events.worker",
    "prefect.filesystems",
    "prefect.flow_engine",
    "prefect.logging.handlers",
    "prefect.task_engine",
    "prefect.telemetry.run_telemetry",
    "prefect.utilities.visualization",
    "rich._emoji_codes",
)


class NotForkable(Exception):
    """Something that was imported started a thread: a forked process would lack it, and hang."""


def main() -> None:
    """Import, then fork for each order until the worker is gone."""
    began = time.monotonic()
    worker = socket.socket(fileno=int(sys.argv[1]))
    code = Path(sys.argv[2])
    sys.path.insert(0, str(code))
    before = fingerprint(code)
    failed = preload(code)
    complete_models()
    read_templates()
    begin_runs_unwatched()
    report_steps_by_their_ends()
    leave_out_what_is_known()
    share_certificates()
    trusted()
    if threading.active_count() > 1:
        raise NotForkable(", ".join(thread.name for thread in threading.enumerate()))
    gc.collect()
    gc.freeze()  # the collector shall not write into the pages that the children share
    tell(worker, Ready(round(time.monotonic() - began, 3), failed))
    serve(worker, code, before)


def serve(worker: socket.socket, code: Path, before: frozenset[tuple[str, int, int]]) -> None:
    """Fork for each order; tell the end of each child."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ended(worker)  # those of before an exec
    with selectors.DefaultSelector() as waiting:
        waiting.register(worker, selectors.EVENT_READ)
        waiting.register(reading, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is reading:
                    reading.recv(4096)
                    ended(worker)
                    continue
                data = worker.recv(LARGEST)
                if not data:
                    return
                order = unpacked(data)
                if not isinstance(order, Order):
                    raise TypeError(f"the worker sent {order!r}")
                if fingerprint(code) != before:
                    tell(worker, Stale(order.number))
                    begin_anew(worker)
                started = os.fork()
                if started == 0:
                    live(order, (waiting, worker, reading, writing))
                own_group(started)
                tell(worker, Started(order.number, started))


def preload(code: Path) -> dict[str, str]:
    """Import what a run needs; what can't be imported fails its own run later, and is told meanwhile."""
    flows = [f"flows.{module.name}" for module in pkgutil.iter_modules([str(code / "flows")])]
    failed = {}
    for name in ("prefect", *LATER, *flows):
        try:
            importlib.import_module(name)
        except Exception:
            failed[name] = traceback.format_exc(limit=-1)
    return failed


def complete_models() -> None:
    """Build what pydantic leaves to a model's first use: here once, and not in every run's process."""
    models = list(BaseModel.__subclasses__())
    for model in models:
        models += model.__subclasses__()
        if not model.__pydantic_complete__:
            with suppress(PydanticUserError, NameError):  # then its first use builds it, or says what is wrong
                model.model_rebuild(raise_errors=False)


def read_templates() -> None:
    """Compile the templates of pages and mails; one that can't be fails where it is used."""
    with suppress(TemplateError):
        for name in environment().list_templates():
            environment().get_template(name)


def fingerprint(code: Path) -> frozenset[tuple[str, int, int]]:
    """Every file of the code, with when it was written and its size."""

    def files() -> Iterator[tuple[str, int, int]]:
        for package in PACKAGES:
            for directory, below, names in os.walk(code / package):
                below[:] = [name for name in below if name != "__pycache__"]
                for name in names:
                    path = os.path.join(directory, name)  # noqa: PTH118 - before every fork: a third of the time
                    try:
                        found = os.stat(path)  # noqa: PTH116
                    except FileNotFoundError:
                        continue
                    yield path, found.st_mtime_ns, found.st_size

    return frozenset(files())


def begin_anew(worker: socket.socket) -> NoReturn:
    """Become a zygote of the present code: same process, so the children stay its own."""
    signal.set_wakeup_fd(-1)
    os.set_inheritable(worker.fileno(), True)
    os.execv(sys.executable, [sys.executable, "-m", "deployments.worker.zygote", *sys.argv[1:]])  # noqa: S606


def ended(worker: socket.socket) -> None:
    """Tell of every child that has ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        tell(worker, Ended(pid, os.waitstatus_to_exitcode(status)))


def tell(worker: socket.socket, message: Message) -> None:
    """Send; a worker that is gone needs no news."""
    try:
        worker.send(packed(message))
    except (BrokenPipeError, ConnectionResetError):
        return


def own_group(pid: int) -> None:
    """A process group of its own, so that it can be ended with all that it starts. Parent and child both ask."""
    try:
        os.setpgid(pid, pid)
    except (PermissionError, ProcessLookupError):
        return


def live(order: Order, not_mine: tuple[socket.socket | selectors.BaseSelector, ...]) -> NoReturn:
    """The forked process: take the run's environment, then be `python -m prefect.engine`, to its very end."""
    own_group(os.getpid())
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for end in not_mine:
        end.close()
    gc.enable()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    take(order)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that the module was imported before: on purpose
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
    sys.exit(0)


def take(order: Order) -> None:
    """Make the order's environment this process's own, and Prefect's settings with it where they differ."""
    from prefect.context import refresh_global_settings_context
    from prefect.logging.configuration import setup_logging

    before = settings_of_environment()
    for name, value in order.environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if settings_of_environment() != before:
        refresh_global_settings_context()
        setup_logging()
    if order.directory is not None:
        os.chdir(order.directory)
    sys.argv = ["prefect.engine"]


def settings_of_environment() -> dict[str, str]:
    """The variables that Prefect's settings are read from: not those with two underscores, which are the run's."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PREFECT_") and not name.startswith("PREFECT__")
    }


if __name__ == "__main__":
    main()
