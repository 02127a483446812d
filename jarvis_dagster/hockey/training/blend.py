"""Between the detector that training started from and the one it arrived at.

Belongs here: weights on the way from one to the other, and which of them to keep. Does not
belong here: training, what is measured (``detection.evaluation``).

Fine-tuning gains on the new rink and loses a little everywhere else. On the straight line
between both sets of weights most of the gain comes early and most of the loss late (Wortsman
et al. 2022, "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from jarvis_dagster.hockey.training.net import HockeyNet

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SHARES", "blended", "choose_share"]

SHARES = (0.4, 0.5, 0.6)
"""Not further: after 250 steps on 55 frames of an unseen rink its AP50 went from .78 to .82 at 0.6
and to .86 at 1.0, but that of a broadcast from .77 to .78 and to .74."""
_AS_GOOD = 0.005


def blended(start: HockeyNet, tuned: HockeyNet, share: float) -> HockeyNet:
    """The network ``share`` of the way from ``start`` to ``tuned``, ready for inference."""
    goal = tuned.state_dict()
    with torch.no_grad():
        mixed = {name: value.lerp(goal[name], share) for name, value in start.state_dict().items()}
    net = HockeyNet()
    net.load_state_dict(mixed)
    return net.eval()


def choose_share(value: Mapping[float, float]) -> float:
    """The smallest share whose ``value`` on held-out frames is as good as the best."""
    best = max(value.values())
    return min(share for share, reached in value.items() if reached >= best - _AS_GOOD)
