"""Ctrl-C between chunks: never while buffers are half emptied."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interrupts:
    """Holds the first Ctrl-C back until `check`; a second one is heard at once. Other handlers than Python's own are left alone.

    A context manager around a run; `heard` is one around code of the user, where Ctrl-C is not held back.
    """

    def __init__(self) -> None:
        self._pressed = self._held = False
        self._old: Any = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._held = True
            self._old = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *error: object) -> None:
        if self._old is not None:
            signal.signal(signal.SIGINT, self._old)

    def _press(self, number: int, frame: Any) -> None:
        if self._pressed or not self._held:
            raise KeyboardInterrupt
        self._pressed = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self._pressed:
            raise KeyboardInterrupt

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Let Ctrl-C interrupt what the user wrote."""
        self.check()
        held, self._held = self._held, False
        try:
            yield
        finally:
            self._held = held
