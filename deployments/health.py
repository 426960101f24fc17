"""Whether a part of the stack answers its health question yet."""

import threading

import httpx

POLL_SECONDS = 0.1


def answers(url: str) -> bool:
    """Whether that address answers with success now."""
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False


def until_answers(url: str) -> None:
    """Wait until that address answers, for ever: for a process whose own starter watches the other one."""
    pause = threading.Event()
    while not answers(url):
        pause.wait(POLL_SECONDS)
