"""`python -m deployments run|stop|check`: the local stack for one person, from the command line."""

import argparse
import os
import signal
import subprocess
import sys
import threading
from types import FrameType

from deployments.children import ChildFailed
from deployments.demo import leave_waiting, one_order
from deployments.environment import UnknownWorkerType, client_environment, database_url_from_shell
from deployments.player import Player, WentWrong
from deployments.postgres import NoPostgres
from deployments.running import AlreadyRuns, find_running, refuse_second, stop_running
from deployments.stack import CHECKOUT, HOME, LocalStack

LOOK_SECONDS = 0.5


def run() -> int:
    """Start everything, say where it is, and stay until Ctrl-C, SIGTERM or the end of a part."""
    asked_to_end = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        asked_to_end.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    try:
        refuse_second(HOME)  # before its ports are told to be taken
        with LocalStack(usual_ports=True, database_url=database_url_from_shell()) as stack:
            print(
                f"\nPrefect UI       {stack.ui_url}"
                f"\nSandbox console  {stack.sandbox_url}"
                f"\nPrefect API      {stack.prefect_api}"
                f"\nLogs             {stack.logs}"
            )
            show(stack)
            print("\nIt is yours now. Ctrl-C ends everything.")
            while not asked_to_end.wait(LOOK_SECONDS):
                stack.raise_if_ended()
    except KeyboardInterrupt:
        print("\nEnded.")
    except (AlreadyRuns, ChildFailed, NoPostgres, UnknownWorkerType) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def show(stack: LocalStack) -> None:
    """On a new world, play one order before the person's eyes, and leave three more waiting for him."""
    player = Player(stack.prefect_api, stack.sandbox_url)
    if player.effects():
        print("\nThe world is as you left it; `make clean` makes a new one.")
        return
    try:
        print("\nA new subscription, from the request to the billing notice:")
        one_order(player, print)
        print("\nThree more wait for you (Runs, then Resume; the customer signs in the console):")
        leave_waiting(player, print)
    except WentWrong as error:
        print(f"It went wrong: {error}", file=sys.stderr)


def stop() -> int:
    """End the stack that runs from this checkout, and wait until it has ended."""
    print("Stopped." if stop_running(HOME) else "Nothing runs from this checkout.")
    return 0


def check() -> int:
    """Check the blocks of the stack that runs here, or else of the server that the shell's PREFECT_API_URL names."""
    running = find_running(HOME)
    environment = client_environment(HOME, running, CHECKOUT) if running else dict(os.environ)
    if not running and "PREFECT_API_URL" not in environment:
        print(
            "No stack runs from this checkout (`make run`), and PREFECT_API_URL names no server.",
            file=sys.stderr,
        )
        return 1
    return subprocess.run([sys.executable, "-m", "deployments.check"], env=environment, check=False).returncode


def main() -> int:
    commands = {"run": run, "stop": stop, "check": check}
    parser = argparse.ArgumentParser(prog="deployments", description=__doc__)
    parser.add_argument("command", choices=commands)
    return commands[parser.parse_args().command]()


if __name__ == "__main__":
    sys.exit(main())
