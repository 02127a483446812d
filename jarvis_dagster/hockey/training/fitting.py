"""The training loop of small networks: steps, checkpoints, live figures.

Belongs here: what a training of roles or ice has in common. Does not belong here: the
detector's own loop (``train``), networks, data.
"""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import TYPE_CHECKING, Any

import torch

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

__all__ = ["Fit", "device", "fit"]

_REPORT_EVERY, _SAVE_EVERY = 20, 100
_WARM_UP = 0.05  # of the steps


@dataclasses.dataclass(frozen=True)
class Fit:
    """How a small network is fitted; stored in its checkpoint."""

    steps: int
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    seed: int = 7


def device() -> torch.device:
    """A GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fit(
    net: nn.Module,
    losses: Callable[[int], Mapping[str, Tensor]],
    recipe: Fit,
    checkpoint: Path,
    *,
    about: Mapping[str, Any] | None = None,
    report: Callable[[Mapping[str, float], int], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Fit ``net`` in place, going on from ``checkpoint`` where it is there.

    Args:
        losses: Of a step, by name; their sum is made smaller. What it answers must follow from
            the step's number alone, so that a run that was stopped ends as one that was not.
        about: What else the result depends on; a checkpoint of something else is refused.
        report: Called with means of the losses every 20 steps.

    Raises:
        BadInputError: the checkpoint is of another recipe, or damaged.
    """
    torch.manual_seed(recipe.seed)
    where = device()
    net.to(where).train()
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    identity = {**dataclasses.asdict(recipe), **(about or {})}
    done = _resume(net, optimiser, checkpoint, identity, where)
    sums: dict[str, float] = {}
    counted = 0
    for step in range(done, recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * _schedule(step, recipe.steps)
        parts = losses(step)
        total = torch.stack(list(parts.values())).sum()
        optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        counted += 1
        last = step + 1 == recipe.steps
        if (step + 1) % _REPORT_EVERY == 0 or last:
            if report is not None:
                report({f"loss/{name}": value / counted for name, value in sums.items()}, step + 1)
            sums, counted = {}, 0
        if (step + 1) % _SAVE_EVERY == 0 or last:
            _save(net, optimiser, checkpoint, identity, step + 1)
        if progress is not None:
            progress(step + 1, recipe.steps)
    net.to("cpu").eval()


def _schedule(step: int, steps: int) -> float:
    """Warm-up, then a cosine down to a hundredth."""
    warm_up = max(1, round(_WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def _resume(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    checkpoint: Path,
    identity: dict[str, Any],
    where: torch.device,
) -> int:
    if not checkpoint.is_file():
        return 0
    try:
        saved = torch.load(checkpoint, weights_only=True, map_location=where)
        same = saved["identity"] == identity
    except (KeyError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BadInputError(f"{checkpoint} is damaged.", "Remove it and train again.") from error
    if not same:
        raise BadInputError(f"{checkpoint} is of another training.", "Train into an empty folder.")
    net.load_state_dict(saved["net"])
    optimiser.load_state_dict(saved["optimiser"])
    return int(saved["step"])


def _save(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    checkpoint: Path,
    identity: dict[str, Any],
    step: int,
) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    part = checkpoint.with_suffix(".part")
    content = {
        "identity": identity,
        "step": step,
        "net": net.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    torch.save(content, part)
    part.replace(checkpoint)
