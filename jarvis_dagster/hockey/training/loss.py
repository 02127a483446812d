"""What the network is trained towards: which cell answers for whom, and at what cost.

Belongs here: assignment of cells to people and the losses. Does not belong here: the loop.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from jarvis_dagster.hockey.training.net import BINS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.hockey.training.net import Prediction

__all__ = ["Losses", "Target", "assign", "decode_sides", "detection_loss", "pairwise_iou"]

_CENTRE_RADIUS = 2.5  # in cells
_MAX_CELLS_A_PERSON = 10
_GOAL_WEIGHT = 0.4


@dataclasses.dataclass
class Target:
    """What one picture shows, boxes in pixels.

    People: boxes (M, 4), roles (M,), tight (M,), ignore (K, 4); goals (G, 4) and the regions
    (L, 4) where nothing is known of goals.
    """

    boxes: Tensor
    roles: Tensor
    tight: Tensor
    ignore: Tensor
    goals: Tensor
    goals_unknown: Tensor

    def to(self, device: torch.device) -> Target:
        """The same there; itself where it is there already."""
        parts = (getattr(self, field.name) for field in dataclasses.fields(self))
        return Target(*(part.to(device) for part in parts))


@dataclasses.dataclass
class Losses:
    """Scalars; ``total`` carries the gradient."""

    total: Tensor
    objectness: float
    box: float
    role: float
    goal: float


def decode_sides(sides: Tensor, centres: Tensor) -> Tensor:
    """Side distributions (..., N, 4, BINS) to boxes (..., N, 4) px, x1 y1 x2 y2."""
    bins = torch.arange(BINS, dtype=torch.float32, device=sides.device)
    distance = (sides.float().softmax(-1) @ bins) * centres[:, 2:]
    return torch.cat((centres[:, :2] - distance[..., :2], centres[:, :2] + distance[..., 2:]), -1)


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """(A, 4) and (B, 4) to (A, B)."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).clamp(min=0).prod(-1) for x in (a, b))
    return shared / (area_a[:, None] + area_b[None] - shared).clamp(min=1e-6)


def assign(
    objectness: Tensor, boxes: Tensor, centres: Tensor, people: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Dynamic assignment in the manner of SimOTA (Ge et al. 2021, YOLOX).

    ``objectness`` (N,) logits, ``boxes`` (N, 4) decoded, ``people`` (M, 4): returns the
    indices of the cells that answer for someone, of whom, and the IoU they reach.
    A person's cells are those near the centre of its box that cost least; their number is
    the sum of the best IoUs, so a large clear person gets more than a small hidden one.
    """
    offset = torch.cat(
        (centres[:, None, :2] - people[None, :, :2], people[None, :, 2:] - centres[:, None, :2]), -1
    )
    inside = offset.min(-1).values > 0
    middle = (people[:, :2] + people[:, 2:]) / 2
    near = (centres[:, None, :2] - middle[None]).abs().max(-1).values < (
        _CENTRE_RADIUS * centres[:, None, 2]
    )
    allowed = inside & near
    iou = pairwise_iou(boxes, people)
    entropy = F.binary_cross_entropy_with_logits(
        objectness[:, None].expand_as(iou), iou, reduction="none"
    )
    cost = entropy + 3 * -(iou + 1e-6).log() + 1e5 * (~allowed)
    best = iou.where(allowed, 0).topk(min(_MAX_CELLS_A_PERSON, len(iou)), 0).values.sum(0)
    count = best.int().clamp(min=1)
    chosen = torch.zeros_like(allowed)
    for person in range(people.shape[0]):
        cells = cost[:, person].topk(int(count[person]), largest=False).indices
        chosen[cells, person] = True
    chosen &= allowed
    # A cell that several people claim serves the one it costs least.
    claimed = chosen.any(1).nonzero()[:, 0]
    whom = cost[claimed].where(chosen[claimed], 1e9).argmin(1)
    return claimed, whom, iou[claimed, whom]


class _Found(NamedTuple):
    """The cells that answer for something, row-aligned, and the losses of presence and extent."""

    image: Tensor
    cell: Tensor
    whom: Tensor
    quality: Tensor
    objectness: Tensor
    box: Tensor


def detection_loss(
    prediction: Prediction, centres: Tensor, targets: Sequence[Target], role_weights: Tensor
) -> Losses:
    """People (presence, extent, weighted cross entropy of roles) and goals (presence, extent)."""
    objectness, sides, roles, goal_objectness, goal_sides = (part.float() for part in prediction)
    people = _presence_and_extent(
        objectness,
        sides,
        centres,
        [(target.boxes, target.tight, target.ignore) for target in targets],
    )
    goals = _presence_and_extent(
        goal_objectness,
        goal_sides,
        centres,
        [
            (
                target.goals,
                target.goals.new_ones(len(target.goals), dtype=torch.bool),
                target.goals_unknown,
            )
            for target in targets
        ],
    )
    role = objectness.new_zeros(())
    if len(people.cell):
        known = torch.cat([target.roles for target in targets])
        kinds = known[people.whom]
        entropy = F.cross_entropy(roles[people.image, people.cell], kinds, reduction="none")
        weight = people.quality.clamp(min=0.2) * role_weights[kinds]
        role = (entropy * weight).sum() / weight.sum().clamp(min=1)
    goal = goals.objectness + goals.box
    total = people.objectness + people.box + 0.5 * role + _GOAL_WEIGHT * goal
    return Losses(
        total,
        float(people.objectness.detach()),
        float(people.box.detach()),
        float(role.detach()),
        float(goal.detach()),
    )


def _presence_and_extent(
    objectness: Tensor,
    sides: Tensor,
    centres: Tensor,
    wanted_boxes: Sequence[tuple[Tensor, Tensor, Tensor]],
) -> _Found:
    """Quality focal loss, and GIoU + distribution focal loss of the cells that answer.

    ``wanted_boxes`` holds boxes, which of them are tight, and regions to ignore, a picture.
    ``whom`` counts through the boxes of all pictures.
    """
    boxes = decode_sides(sides, centres)
    wanted, counted = torch.zeros_like(objectness), torch.ones_like(objectness)
    rows: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    before = 0
    for index, (truth, tight, ignore) in enumerate(wanted_boxes):
        if len(ignore):
            counted[index][_covered(centres, ignore)] = 0
        if len(truth):
            with torch.no_grad():
                cells, whom, iou = assign(objectness[index], boxes[index], centres, truth)
            # A loose box says that someone is there, not how well the prediction fits.
            quality = iou.where(tight[whom], iou.clamp(min=0.7))
            wanted[index, cells] = quality
            counted[index, cells] = 1
            rows.append((torch.full_like(cells, index), cells, whom + before, quality))
        before += len(truth)
    share = objectness.sigmoid()
    focal = F.binary_cross_entropy_with_logits(objectness, wanted, reduction="none")
    focal = (focal * (share - wanted).abs().square() * counted).sum() / wanted.sum().clamp(min=1)
    if not rows:
        nothing = wanted.new_zeros(0, dtype=torch.long)
        return _Found(nothing, nothing, nothing, wanted.new_zeros(0), focal, focal.new_zeros(()))
    image, cell, whom, quality = (torch.cat(parts) for parts in zip(*rows, strict=True))
    truth = torch.cat([part[0] for part in wanted_boxes])[whom]
    weight = quality.clamp(min=0.2) * torch.cat([part[1] for part in wanted_boxes])[whom]
    norm = weight.sum().clamp(min=1)
    giou = (_giou_loss(boxes[image, cell], truth) * weight).sum() / norm
    spread = (_distribution_loss(sides[image, cell], truth, centres[cell]) * weight).sum() / norm
    return _Found(image, cell, whom, quality, focal, 2 * giou + 0.25 * spread)


def _covered(centres: Tensor, boxes: Tensor) -> Tensor:
    x, y = centres[:, None, 0], centres[:, None, 1]
    inside = (x > boxes[:, 0]) & (x < boxes[:, 2]) & (y > boxes[:, 1]) & (y < boxes[:, 3])
    return inside.any(1)


def _giou_loss(a: Tensor, b: Tensor) -> Tensor:
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    area = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(-1) + (b[:, 2:] - b[:, :2]).prod(-1)
    union = (area - shared).clamp(min=1e-6)
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    whole = hull.clamp(min=0).prod(-1).clamp(min=1e-6)
    return 1 - shared / union + (whole - union) / whole


def _distribution_loss(sides: Tensor, people: Tensor, centres: Tensor) -> Tensor:
    """Distribution focal loss (Li et al. 2020): the two bins around the true distance."""
    wanted = torch.cat((centres[:, :2] - people[:, :2], people[:, 2:] - centres[:, :2]), 1)
    wanted = (wanted / centres[:, 2:]).clamp(0, BINS - 1.01)
    low = wanted.long()
    part = wanted - low
    logs = sides.log_softmax(-1)
    picked_low = logs.gather(-1, low[..., None])[..., 0]
    picked_high = logs.gather(-1, low[..., None] + 1)[..., 0]
    return -(picked_low * (1 - part) + picked_high * part).mean(-1)
