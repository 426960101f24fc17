"""A home directory for a stack of a test, which PostgreSQL can reach even when the test runs as root."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def home_for_stack() -> Iterator[Path]:
    """Make a directory that other users may pass through, and remove it with all its contents.

    PostgreSQL doesn't run as root, so there another user runs it; pytest's own directories are closed to others.
    """
    with tempfile.TemporaryDirectory(prefix="countersign-") as made:
        home = Path(made)
        home.chmod(0o755)
        yield home
