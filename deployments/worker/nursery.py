"""The worker's side of the zygote: gives orders, holds its children's ends, starts it anew when it is gone."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from prefect.logging import get_logger

from deployments.worker.messages import LARGEST, Ended, Order, Ready, Stale, Started, packed, pair, unpacked

START_SECONDS = 120.0
"""The code may have changed: then everything is imported anew, on a busy machine for half a minute."""


class ZygoteGone(Exception):
    """The process that forks ended before it had started the run's process. The next run starts it anew."""


class Process:
    """A run's process: `returncode` is None while it lives, and also when nobody could tell how it ended."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._over = asyncio.Event()

    async def wait(self) -> int | None:
        """Wait for its end; minus the signal's number for a killed one."""
        await self._over.wait()
        return self.returncode

    def end(self, code: int | None) -> None:
        """It has ended, with that code."""
        self.returncode = code
        self._over.set()


class Nursery:
    """Starts flow runs' processes by forking. `code` is the checkout whose flows they run; an async context manager.

    Leaving it ends the zygote, never its children.
    """

    def __init__(self, code: Path, environment: Mapping[str, str]) -> None:
        self._code = code
        self._environment = dict(environment)
        self._logger = get_logger("worker.nursery")
        self._processes: dict[int, Process] = {}
        self._orders: dict[int, tuple[Order, asyncio.Future[Process]]] = {}
        self._count = 0
        self._starting = asyncio.Lock()
        self._zygote: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._ensure_zygote()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])
        if self._zygote is not None:
            await self._zygote.wait()

    @property
    def zygote_pid(self) -> int | None:
        """Process id of the process that forks; None while there is none."""
        return self._zygote.pid if self._zygote is not None else None

    async def start(self, environment: Mapping[str, str | None], directory: str | None = None) -> Process:
        """Start a run's process. Raises `ZygoteGone`, `messages.TooLarge`."""
        await self._ensure_zygote()
        self._count += 1
        order = Order(self._count, dict(environment), directory)
        data = packed(order)
        started: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._orders[order.number] = (order, started)
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except OSError:
            self._orders.pop(order.number, None)
            raise ZygoteGone("the process that forks is gone") from None
        try:
            return await asyncio.wait_for(started, START_SECONDS)
        except TimeoutError:
            if self._zygote is not None and self._listener is not None:
                self._zygote.kill()
                await asyncio.wait([self._listener])  # its socket ends with it; the next run starts another one
            raise ZygoteGone(f"the process that forks has not answered for {START_SECONDS:.0f} s") from None

    async def _ensure_zygote(self) -> None:
        async with self._starting:
            if self._listener is not None and not self._listener.done():
                return
            ours, its = pair()
            with its:
                ours.setblocking(False)
                self._socket = ours
                # In a session of its own: Ctrl-C reaches the worker alone, which lets its runs finish.
                self._zygote = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "deployments.worker.zygote", str(its.fileno()), str(self._code)),
                    cwd=self._code,
                    env=self._environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[its.fileno()],
                    start_new_session=True,
                )
            self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(self._socket, LARGEST):
                await self._hear(data)
        except ConnectionResetError:
            pass
        except Exception:
            self._logger.exception("What the process that forks says can't be understood")
        finally:
            self._socket.close()  # at which it ends
            self._forget_zygote()
        self._logger.error("The process that forks is gone; the next run starts another one")

    async def _hear(self, data: bytes) -> None:
        message = unpacked(data)
        if isinstance(message, Started):
            process = self._processes[message.pid] = Process(message.pid)
            _, started = self._orders.pop(message.number)
            if started.cancelled():  # nobody wants it any more
                with suppress(ProcessLookupError):
                    os.killpg(message.pid, signal.SIGKILL)
            else:
                started.set_result(process)
        elif isinstance(message, Ended):
            ended = self._processes.pop(message.pid, None)
            if ended is not None:
                ended.end(message.code)
        elif isinstance(message, Stale):
            self._logger.info("The code has changed: loading it anew")
            order, _ = self._orders[message.number]
            await asyncio.get_running_loop().sock_sendall(self._socket, packed(order))
        elif isinstance(message, Ready):
            self._logger.info("Flows loaded in %.1f s; runs start warm", message.seconds)
            for name, why in message.failed.items():
                self._logger.warning("Could not load %s; its runs will fail: %s", name, why)

    def _forget_zygote(self) -> None:
        for _, started in self._orders.values():
            if not started.done():
                started.set_exception(
                    ZygoteGone("the process that forks ended; its words stand in the worker's output")
                )
        self._orders.clear()
        for process in self._processes.values():
            self._watch_alone(process)
        self._processes.clear()

    def _watch_alone(self, process: Process) -> None:
        """A process that has lost its parent: its end is seen, its code is not."""
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            process.end(None)
            return
        loop = asyncio.get_running_loop()

        def over() -> None:
            loop.remove_reader(handle)
            os.close(handle)
            process.end(None)

        loop.add_reader(handle, over)
