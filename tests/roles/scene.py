"""A small drawn game: people with kits on ice, and the truth about them."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd

from jarvis_dagster.hockey.roles import KIT_COLUMNS, kit_features

WHITE, RED, NAVY, BLACK = (235, 235, 235), (40, 30, 190), (90, 45, 25), (25, 25, 25)


def person(image, x, y, kit, *, height=90, striped=False):
    """Draw a person whose feet stand at (x, y); return the box."""
    width = height // 2
    top = y - height
    cv2.circle(image, (x, top + 9), 8, BLACK, -1)
    cv2.rectangle(image, (x - 13, top + 16), (x + 13, top + 48), kit, -1)
    if striped:
        for offset in range(-12, 13, 6):
            cv2.rectangle(image, (x + offset, top + 16), (x + offset + 2, top + 48), BLACK, -1)
    cv2.rectangle(image, (x - 11, top + 48), (x + 11, y), BLACK, -1)
    return [x - width // 2, top, x + width // 2, y]


def film(people, *, frames=12, light=None, seed=0):
    """Film ``people`` (dicts: x, y, kit, cls, striped); returns tracks and kit."""
    rng = np.random.default_rng(seed)
    rows, kits = [], []
    for frame in range(frames):
        level = 1.0 if light is None else light(frame)
        image = np.full((540, 960, 3), (236, 232, 228), np.uint8)
        boxes = []
        for one in people:
            x = one["x"] + int(rng.integers(-3, 4)) + frame * 2
            boxes.append(person(image, x, one["y"], one["kit"], striped=one.get("striped", False)))
        noisy = image * level + rng.normal(0, 4, image.shape)
        image = np.clip(noisy, 0, 255).astype(np.uint8)
        kits.append(kit_features(image, np.array(boxes, np.float32)))
        for k, (one, box) in enumerate(zip(people, boxes, strict=True)):
            rows.append((frame, frame / 30, *box, 0.9, one.get("cls", "player"), k + 1, True))
    columns = ["frame", "pts_s", "x1_px", "y1_px", "x2_px", "y2_px", "score", "class"]
    tracks = pd.DataFrame(rows, columns=[*columns, "track_id", "observed"])
    tracks["detection_row"] = np.arange(len(tracks))
    tracks = tracks.assign(role="unknown", role_score=0.0, team="", team_score=0.0)
    return tracks, pd.DataFrame(np.concatenate(kits), columns=list(KIT_COLUMNS))


def line(kit, y, count=5, **more):
    """``count`` people side by side."""
    return [{"x": 80 + 150 * i, "y": y, "kit": kit, **more} for i in range(count)]
