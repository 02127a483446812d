"""What the network is trained towards: which cell answers for whom, and at what cost.

Belongs here: assignment of cells to people and the losses. Does not belong here: the loop.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from jarvis_dagster.hockey.training.net import BINS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Losses", "Target", "assign", "decode_sides", "detection_loss", "pairwise_iou"]

_CENTRE_RADIUS = 2.5  # in cells
_MAX_CELLS_A_PERSON = 10


@dataclasses.dataclass
class Target:
    """The people of one picture: boxes (M, 4) px, roles (M,), tight (M,), ignore (K, 4) px."""

    boxes: Tensor
    roles: Tensor
    tight: Tensor
    ignore: Tensor


@dataclasses.dataclass
class Losses:
    """Scalars; ``total`` carries the gradient."""

    total: Tensor
    objectness: float
    box: float
    role: float


def decode_sides(sides: Tensor, centres: Tensor) -> Tensor:
    """Side distributions (..., N, 4, BINS) to boxes (..., N, 4) px, x1 y1 x2 y2."""
    bins = torch.arange(BINS, dtype=torch.float32)
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


def detection_loss(
    prediction: tuple[Tensor, Tensor, Tensor],
    centres: Tensor,
    targets: Sequence[Target],
    role_weights: Tensor,
) -> Losses:
    """Quality focal loss + GIoU + distribution focal loss + weighted cross entropy of roles."""
    objectness, sides, roles = (part.float() for part in prediction)
    boxes = decode_sides(sides, centres)
    wanted = torch.zeros_like(objectness)
    counted = torch.ones_like(objectness)
    picked: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for index, target in enumerate(targets):
        if len(target.ignore):
            counted[index][_covered(centres, target.ignore)] = 0
        if not len(target.boxes):
            continue
        with torch.no_grad():
            cells, whom, iou = assign(objectness[index], boxes[index], centres, target.boxes)
        # A loose box says that someone is there, not how well the prediction fits.
        quality = iou.where(target.tight[whom], iou.clamp(min=0.7))
        wanted[index, cells] = quality
        counted[index, cells] = 1
        picked.append((torch.full_like(cells, index), cells, whom, quality))
    share = objectness.sigmoid()
    focal = F.binary_cross_entropy_with_logits(objectness, wanted, reduction="none")
    focal = focal * (share - wanted).abs().square() * counted
    norm = wanted.sum().clamp(min=1)
    loss_objectness = focal.sum() / norm
    if not picked:
        return Losses(loss_objectness, float(loss_objectness.detach()), 0.0, 0.0)
    image = torch.cat([p[0] for p in picked])
    cell = torch.cat([p[1] for p in picked])
    quality = torch.cat([p[3] for p in picked]).clamp(min=0.2)
    people = torch.cat([targets[int(p[0][0])].boxes[p[2]] for p in picked if len(p[0])])
    kinds = torch.cat([targets[int(p[0][0])].roles[p[2]] for p in picked if len(p[0])])
    tight = torch.cat([targets[int(p[0][0])].tight[p[2]] for p in picked if len(p[0])])
    weight = quality * tight
    box_norm = weight.sum().clamp(min=1)
    giou = (_giou_loss(boxes[image, cell], people) * weight).sum() / box_norm
    spread = _distribution_loss(sides[image, cell], people, centres[cell])
    spread = (spread * weight).sum() / box_norm
    entropy = F.cross_entropy(roles[image, cell], kinds, reduction="none")
    role_weight = quality * role_weights[kinds]
    role = (entropy * role_weight).sum() / role_weight.sum().clamp(min=1)
    loss_box = 2 * giou + 0.25 * spread
    total = loss_objectness + loss_box + 0.5 * role
    return Losses(
        total, float(loss_objectness.detach()), float(loss_box.detach()), float(role.detach())
    )


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
