"""Progress on the terminal: a bar a step, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.resources.log_progress import LogProgress

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

__all__ = ["Display", "DisplayProgress"]

_TITLES = {
    "upload": "Copying to the drive",
    "fetch": "Fetching (bytes)",
    "send": "Sending (bytes)",
    "pictures": "Reading pictures",
    "check": "Comparing pictures",
    "scan": "Inspecting the footage",
    "watch": "Watching the video",
    "scoreboard": "Reading the scoreboard",
    "jerseys": "Reading jersey numbers",
    "calibrate": "Finding the rink's lines",
    "detect": "Finding players",
    "highlights": "Cutting highlights",
    "annotate": "Drawing the annotated video",
    "train": "Training",
    "blend": "Choosing how far to go",
    "measure": "Measuring",
    "evaluate": "Measuring on held-out videos",
    "render": "Rendering the sample game",
}
_LINE_EVERY_S = 5.0
_WORTH_SAYING_S = 10.0


class Display:
    """Bars of the steps that report; use as a context manager."""

    def __init__(self, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.console = console
        self._tasks: dict[str, Any] = {}
        self._said: dict[str, float] = {}
        self._began: dict[str, tuple[float, int]] = {}
        self._progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def update(self, step: str, done: int, total: int) -> None:
        """``done`` of ``total`` units of ``step`` are finished; ``total`` may be 0."""
        title = _TITLES.get(step, step)
        if not self.console.is_terminal:
            self._line(step, title, done, total)
            return
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(title, total=total or None)
        self._progress.update(self._tasks[step], completed=done, total=total or None)

    def _line(self, step: str, title: str, done: int, total: int) -> None:
        now = time.monotonic()
        first, last = step not in self._said, total > 0 and done >= total
        began, done_then = self._began.setdefault(step, (now, done))
        if first or last or now - self._said[step] >= _LINE_EVERY_S:
            self._said[step] = now
            share = f" of {total}" if total else ""
            left = ""
            if done > done_then:
                left_s = (now - began) / (done - done_then) * (total - done)
                left = f", about {_spoken(left_s)} left" if left_s >= _WORTH_SAYING_S else ""
            self.console.print(f"{title}: {done}{share}{left}", highlight=False)


def _spoken(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


_CURRENT: list[Display] = []


class DisplayProgress(LogProgress):
    """The progress resource of a run inside the ``jarvis`` process."""

    def update(self, step: str, done: int, total: int) -> None:
        """Show it on the display of the command that is running."""
        _CURRENT[-1].update(step, done, total)

    @staticmethod
    def show_on(display: Display) -> None:
        """Make ``display`` the one that is shown on; Dagster copies resources, not displays."""
        _CURRENT[:] = [display]
