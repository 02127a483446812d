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

SHARES = (0.0, 0.3, 0.45, 0.6)
"""To be measured: the start, and as far as is gone. After 250 steps on some 50 frames of an unseen
rink its AP50 had risen by .03 and .07 at 0.3, by .05 and .12 at 0.6; that of a broadcast had
changed by .00 and .00 at 0.3, by .01 and -.02 at 0.6, by -.04 and -.06 at 1."""
_ENOUGH = 0.5
"""Of the gain that can be had."""


def blended(start: HockeyNet, tuned: HockeyNet, share: float) -> HockeyNet:
    """The network ``share`` of the way from ``start`` to ``tuned``, ready for inference."""
    goal = tuned.state_dict()
    with torch.no_grad():
        mixed = {name: value.lerp(goal[name], share) for name, value in start.state_dict().items()}
    net = HockeyNet()
    net.load_state_dict(mixed)
    return net.eval()


def choose_share(value: Mapping[float, float]) -> float:
    """The smallest share above 0 with most of the gain that can be had.

    ``value``, by share, is what the networks are worth on held-out frames; at 0 it is the start's.
    What elsewhere pays for the rest of the gain grows with the square of the share.
    """
    reached = {share: worth for share, worth in value.items() if share > 0}
    best, start = max(reached.values()), value[0.0]
    enough = min(best, start + _ENOUGH * (best - start))
    return min(share for share, worth in reached.items() if worth >= enough)
