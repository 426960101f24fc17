"""One child process of the local stack: started with a log file of its own, watched, ended by its process id."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TAIL_LINES = 25
POLL_SECONDS = 0.1


class ChildFailed(Exception):
    """A child ended, or didn't become ready; the text carries the end of its log."""


class Child:
    """A process of the stack. Starts in a session of its own, so that Ctrl-C reaches only the stack itself."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        log: Path,
        user: int | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours, never a user's text
                list(command),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait until `ready` says yes; raises `ChildFailed` as soon as the child ends, or after `seconds`."""
        for _ in range(int(seconds / POLL_SECONDS)):
            if ready():
                return
            try:
                self._process.wait(timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            raise self.failure(f"ended before {what}")
        raise self.failure(f"after {seconds:.0f} s still not {what}")

    def finish(self, seconds: float) -> None:
        """Wait for a child that has one job to do; raises `ChildFailed` unless it ends with 0 in time."""
        try:
            code = self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self.failure(f"not finished after {seconds:.0f} s") from None
        if code != 0:
            raise self.failure("failed")

    def stop(self, patience: float = 10.0, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end; after `patience` seconds it is killed."""
        if not self.alive:
            return
        self._process.send_signal(with_signal)
        try:
            self._process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL), as a machine that loses power would."""
        self._process.kill()
        self._process.wait()

    def failure(self, what: str) -> ChildFailed:
        """An error that says what happened to this child, with the end of its log."""
        code = self._process.poll()
        ended = "" if code is None else f" ({_exit_in_words(code)})"
        return ChildFailed(f"{self.name}: {what}{ended}. The end of {self.log}:\n{self.tail()}")

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of what this child wrote since it was started."""
        with self.log.open("rb") as written:
            written.seek(self._log_start)
            text = written.read().decode("utf-8", errors="replace")
        return os.linesep.join(f"  | {line}" for line in text.splitlines()[-lines:]) or "  | (empty)"


def _exit_in_words(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    return f"ended by {signal.Signals(-code).name}"
