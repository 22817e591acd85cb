"""A progress bar on standard error; silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """A running bar. Call it with the fraction done, 0 .. 1."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def __call__(self, fraction: float) -> None:
        self._progress.update(self._task, completed=fraction)

    def describe(self, text: str, fraction: float) -> None:
        """Say what is being done, and how much of the whole is done."""
        self._progress.update(self._task, description=text, completed=fraction)


@contextmanager
def bar(text: str) -> Iterator[Bar]:
    """Show a bar labelled `text` until the block ends."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress, progress.add_task(text, total=1.0))
