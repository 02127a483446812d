"""``jarvis train``: from labelled frames to a detector file.

Belongs here: options to a plan, the bar, the last words. Does not belong here: training
(``hockey/training``).
"""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.table import Table

    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.hockey.training.adapt import Outcome

__all__ = ["train_command"]

_FIGURES = {
    "ap50": "AP50",
    "recall": "recall",
    "precision": "precision",
    "role_macro_f1": "role macro-F1",
    "goalkeeper_recall": "goalkeepers found and named",
}


def train_command(
    data: Path,
    *,
    start: Path | None,
    output: Path,
    held_out: Sequence[str],
    loose: Sequence[str],
    partly_labelled: Sequence[str],
    keep: Sequence[Path],
    share: float | None,
    aspect: str | None,
    minutes: float,
    steps: int | None,
    display: Display,
) -> str:
    """Train, export, shrink and judge a detector; say where it is and whether it is better.

    Raises:
        NotSupportedError: the training extra is not installed.
        BadInputError: the export or the start does not fit.
    """
    if importlib.util.find_spec("torch") is None:
        raise NotSupportedError(
            "Training needs PyTorch.", 'Install it: pip install -c constraints.txt ".[training]"'
        )
    from jarvis_dagster.hockey.detection.evaluation import parse_aspect
    from jarvis_dagster.hockey.detection.onnx import PACKAGED_WEIGHTS
    from jarvis_dagster.hockey.training.adapt import ADAPTING, adapt_detector
    from jarvis_dagster.hockey.training.build import Plan

    start = start or PACKAGED_WEIGHTS
    if not start.is_file():
        raise BadInputError(f"There is no file {start}.", "Leave --start out for the packaged one.")
    shape = parse_aspect(aspect)
    plan = Plan(
        held_out=held_out,
        aspect=None if shape is None else (shape, shape),
        loose=loose,
        partly_labelled=partly_labelled,
        keep=keep,
        share=share,
        recipe=ADAPTING,
    )
    outcome = adapt_detector(
        data, start, output, plan, watcher=_Watcher(display), minutes=minutes, steps=steps
    )
    display.console.print(_table(outcome))
    return _last_words(outcome)


@dataclasses.dataclass
class _Watcher:
    """Shows what training tells on the terminal."""

    display: Display

    def step(self, name: str, done: int, total: int) -> None:
        self.display.update(name, done, total)

    def say(self, text: str) -> None:
        self.display.console.print(text, highlight=False)


def _table(outcome: Outcome) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        *("", ""), title="Before and after", caption="IoU 0.5, score 0.35", box=box.SIMPLE_HEAD
    )
    for title in _FIGURES.values():
        short = title.removesuffix(" found and named")
        table.add_column(short, justify="right", min_width=max(map(len, short.split())))
    for name, after in outcome.after.items():
        before = outcome.before.get(name)
        size = f"{after.pictures} frames, {after.people} people"
        known = [(name, "before", before), (size, "after", after)] if before else []
        for first, when, found in known or [(f"{name}, {size}", "after", after)]:
            cells = [_percent(getattr(found, key)) for key in _FIGURES]
            table.add_row(first, when, *cells, end_section=when == "after")
    return table


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _last_words(outcome: Outcome) -> str:
    from jarvis_dagster.hockey.training.judge import fallen

    if outcome.better is None:
        verdict = "Whether it is better than the one before, nothing here tells."
    elif outcome.better:
        verdict = f"It is better on what was held out ({outcome.held_out})."
    else:
        verdict = (
            f"It is NOT better on what was held out ({outcome.held_out}): keep the one before. "
            "More frames, of more games, help most."
        )
    for name in outcome.before:
        lower = fallen(outcome.before[name], outcome.after[name])
        if lower:
            named = ", ".join(_FIGURES[figure] for figure in lower)
            verdict += f"\nLower by more than a point on {name}: {named}."
    if outcome.before:
        verdict += f"\n{_mixed(outcome)}"
    sheet = outcome.detector.with_name("held_out.png")
    looks = f"What it still gets wrong: {sheet}\n" if "held out" in outcome.after else ""
    return (
        f"{outcome.detector}\n{verdict}\n{looks}"
        f"Try it: jarvis detect FOLDER_OR_VIDEO --model {outcome.detector} --out boxes.json\n"
        "Measure it on videos that it has not seen: jarvis evaluate detector --help"
    )


def _mixed(outcome: Outcome) -> str:
    if not outcome.rinks_kept:
        return f"It goes {outcome.share:.2f} of the way from the one before to the one learnt."
    known = "1 rink" if outcome.rinks_kept == 1 else f"{outcome.rinks_kept} rinks"
    return (
        f"It answers as the one before on what was known of {known}, and as the one learnt on this "
        f"one, which counts {outcome.share:.2f}. It remembers all {outcome.rinks_kept + 1}: start "
        "from it for the next rink."
    )
