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

__all__ = ["CAREFUL", "SHARES", "blended", "choose_share"]

CAREFUL = 0.15
"""Where no frames of other rinks tell what is lost there. Table C of the model card has what
other shares bring and lose: it is one that hardly loses anything elsewhere."""
SHARES = (0.0, CAREFUL, 0.3, 0.45, 0.6)
"""To be measured: the start, and as far as is gone."""
_ENOUGH = 0.5
"""Of the gain that can be had."""
_LOSS = 0.005
"""What may be lost on frames of other rinks, where there are any to measure it by."""


def blended(start: HockeyNet, tuned: HockeyNet, share: float) -> HockeyNet:
    """The network ``share`` of the way from ``start`` to ``tuned``, ready for inference."""
    goal = tuned.state_dict()
    with torch.no_grad():
        mixed = {name: value.lerp(goal[name], share) for name, value in start.state_dict().items()}
    net = HockeyNet()
    net.load_state_dict(mixed)
    return net.eval()


def choose_share(value: Mapping[float, float], lost: Mapping[float, float] | None = None) -> float:
    """How far to go.

    ``value``, by share, is what the networks are worth on held-out frames of the new rink; at 0 it
    is the start's. ``lost`` is what is lost by then on frames of other rinks, where and in the
    figure in which most is. Where it is known, the share that is worth most is taken of those that
    lose next to nothing; where not, the smallest with most of the gain that can be had: what
    elsewhere pays for the rest of the gain grows with the square of the share.
    """
    reached = {share: worth for share, worth in value.items() if share > 0}
    if lost is not None:
        harmless = {share: worth for share, worth in reached.items() if lost[share] <= _LOSS}
        if not harmless:
            return min(reached)
        return max(harmless, key=lambda share: (harmless[share], -share))
    best, start = max(reached.values()), value[0.0]
    enough = min(best, start + _ENOUGH * (best - start))
    return min(share for share, worth in reached.items() if worth >= enough)
