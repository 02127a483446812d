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

SHARES = (0.3, 0.45, 0.6)
"""Not further: after 250 steps on some 50 frames of an unseen rink its AP50 had risen by .05 to .12
at 0.6 and by .09 to .13 at 1.0, but that of a broadcast by .01 to -.02 and by -.04 to -.06."""
_ENOUGH = 0.8
"""Of the gain that can be had."""


def blended(start: HockeyNet, tuned: HockeyNet, share: float) -> HockeyNet:
    """The network ``share`` of the way from ``start`` to ``tuned``, ready for inference."""
    goal = tuned.state_dict()
    with torch.no_grad():
        mixed = {name: value.lerp(goal[name], share) for name, value in start.state_dict().items()}
    net = HockeyNet()
    net.load_state_dict(mixed)
    return net.eval()


def choose_share(start: float, value: Mapping[float, float]) -> float:
    """The smallest share with most of the gain that can be had.

    ``start`` and ``value`` (by share) are what the networks are worth on held-out frames. What
    elsewhere pays for the rest of the gain grows with the square of the share.
    """
    best = max(value.values())
    enough = start + _ENOUGH * (best - start)
    return min(share for share, reached in value.items() if reached >= min(enough, best))
