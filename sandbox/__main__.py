"""`python -m sandbox --port 8700 --state .local/sandbox.db`: the stand-ins and the console on one port."""

import argparse
from pathlib import Path

import uvicorn

from sandbox.app import create_app


def main() -> None:
    """Serves until interrupted; on the loopback address only, unless another one is named."""
    parser = argparse.ArgumentParser(prog="sandbox", description="Stand-ins for the five vendors, and a console.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on: whoever reaches it may do all")
    parser.add_argument("--port", type=int, default=8700)
    parser.add_argument("--state", type=Path, help="the file that keeps everything; without it, nothing is kept")
    chosen = parser.parse_args()
    if chosen.state is not None:
        chosen.state.parent.mkdir(parents=True, exist_ok=True)
    uvicorn.run(create_app(chosen.state), host=chosen.host, port=chosen.port, log_level="warning")


if __name__ == "__main__":
    main()
