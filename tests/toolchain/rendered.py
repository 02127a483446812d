"""A YOLO export of rendered games."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from jarvis_dagster.hockey.synthetic import GameSpec, iter_frames

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["rendered_export"]

_ROLES = ("player", "goalkeeper", "referee")


def rendered_export(folder: Path, games: int = 3, frames: int = 4) -> Path:
    """Frames of some games, a second apart, 320 px wide."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    groups = ["image,video\n"]
    for seed in range(games):
        spec = GameSpec(seed=40 + seed, duration_s=frames, fps=1.0, width_px=320, height_px=180)
        for number, (image, truth) in enumerate(iter_frames(spec)):
            name = f"{seed}_{number}"
            cv2.imwrite(str(folder / "images" / f"{name}.jpg"), image)
            groups.append(f"{name}.jpg,game_{seed}\n")
            rows = []
            for seen in truth.people:
                x1, y1, x2, y2 = seen.box
                kind = _ROLES.index(seen.person.role)
                rows.append(
                    f"{kind} {(x1 + x2) / 640:.6f} {(y1 + y2) / 360:.6f}"
                    f" {(x2 - x1) / 320:.6f} {(y2 - y1) / 180:.6f}\n"
                )
            (folder / "labels" / f"{name}.txt").write_text("".join(rows))
    (folder / "groups.csv").write_text("".join(groups))
    (folder / "data.yaml").write_text("names: [player, goalkeeper, referee]\n")
    return folder
