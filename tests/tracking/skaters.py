"""Made-up skaters for the tests: paths, detections of them, and what is right."""

from __future__ import annotations

import numpy as np
import pandas as pd

WIDTH, HEIGHT, FPS = 1280, 720, 30.0


def path(frames, start, speed, *, size=(50.0, 110.0), ident=0):
    """A skater at constant speed (px a frame); centre, size."""
    frames = np.asarray(frames)
    centre = np.asarray(start, float) + np.asarray(speed, float) * (frames - frames[0])[:, None]
    return pd.DataFrame(
        {
            "frame": frames,
            "truth": ident,
            "cx": centre[:, 0],
            "cy": centre[:, 1],
            "w": size[0],
            "h": size[1],
        }
    )


def crowd(frames, count=6, *, seed=0):
    """Skaters in lanes of their own, some to the left, some to the right."""
    random = np.random.default_rng(seed)
    parts = []
    for index in range(count):
        direction = 1 if index % 2 else -1
        start = (640 - direction * 250 + random.normal(0, 40), 90 + 540 * (index + 0.5) / count)
        speed = (direction * random.uniform(1, 3), random.normal(0, 0.1))
        parts.append(path(frames, start, speed, size=(40, 80), ident=index))
    return pd.concat(parts, ignore_index=True)


def detections(people, *, jitter=0.03, miss=0.0, kind="player", score=0.9, seed=0, fps=FPS):
    """DETECTIONS of ``people``; a further column ``truth`` names the person."""
    random = np.random.default_rng(seed)
    kept = people[random.random(len(people)) >= miss].reset_index(drop=True)
    size = kept[["w", "h"]].to_numpy(float)
    error = random.standard_normal((len(kept), 4)) * jitter * np.tile(size, 2)
    low = kept[["cx", "cy"]].to_numpy(float) - size / 2 + error[:, :2]
    high = low + size + error[:, 2:]
    return pd.DataFrame(
        {
            "frame": kept["frame"].astype("int32"),
            "pts_s": kept["frame"] / fps,
            "x1_px": low[:, 0].astype("float32"),
            "y1_px": low[:, 1].astype("float32"),
            "x2_px": high[:, 0].astype("float32"),
            "y2_px": high[:, 1].astype("float32"),
            "score": np.float32(score),
            "class": kind,
            "truth": kept["truth"],
        }
    )


def scan(frame_count, *, dx=0.0, cuts=()):
    """A SCAN with a steady pan (px a frame) and cuts."""
    frame = np.arange(frame_count)
    table = pd.DataFrame({"frame": frame.astype("int32"), "pts_s": frame / FPS})
    for name, value in (("luma", 120.0), ("sharpness", 50.0), ("difference", 3.0)):
        table[name] = np.float32(value)
    table["is_cut"] = np.isin(frame, list(cuts))
    table["dx_px"] = np.float32(dx)
    table["dy_px"] = np.float32(0)
    table["scale"] = np.float32(1)
    table["angle_rad"] = np.float32(0)
    table["motion_ok"] = ~table["is_cut"]
    return table


def owners(tracks, found):
    """For each track, the people behind its detections, as a sorted list."""
    seen = tracks[tracks["detection_row"] >= 0]
    truth = found["truth"].to_numpy()[seen["detection_row"].to_numpy()]
    return {
        int(track): sorted(set(truth[rows.to_numpy()]))
        for track, rows in seen.groupby("track_id").groups.items()
        for rows in [pd.Index(seen.index.get_indexer(rows))]
    }
