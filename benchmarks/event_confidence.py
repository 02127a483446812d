"""Fit how sure events are to how often such events are right, on synthetic games.

    python -m benchmarks.event_confidence [--games 16] [--write]

For each type, a logistic curve from the margin by which its measures pass their limits to
the share of such events that are right, on games of their own (seeds from 301), each seen
perfectly and as a middling detector and tracker see it: boxes that jitter, rows missing,
tracks broken every few seconds, some of them of a wrong role or team. ``--write`` keeps the
curves in ``jarvis_dagster/hockey/events/confidence.json``. How far the result can be believed
is measured on other games by ``benchmarks.events``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.event_truth import Found, compare
from benchmarks.events import ledger_of, played, spec_of
from jarvis_dagster.hockey.events import confidence

TARGET = Path(confidence.__file__).with_name("confidence.json")
FIRST = 301
LEAST_FOUND = 20
_PRIOR = 4.0
"""Imaginary events, three quarters of them right, spread over all margins."""


def main() -> None:
    """Fit and show, or keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "event-games")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    verdicts: list[Found] = []
    with confidence.raw():
        for seed in range(FIRST, FIRST + arguments.games):
            game = played(arguments.folder, spec_of(seed, arguments.seconds))
            for tracks in (game.tracks, worsened(game.tracks, game.spec.fps, seed)):
                verdicts += compare(ledger_of(game, tracks), game)[1]
            print(f"seed {seed}", file=sys.stderr)
    curves = {}
    for kind in confidence.CALIBRATED:
        mine = [v for v in verdicts if v.kind == kind]
        if len(mine) < LEAST_FOUND:
            print(f"{kind}: only {len(mine)} found", file=sys.stderr)
            continue
        slope, offset = fitted([v.confidence for v in mine], [v.right for v in mine])
        curves[kind] = [round(slope, 3), round(offset, 3)]
        right = sum(v.right for v in mine) / len(mine)
        print(f"{kind}: {len(mine)} found, {right:.2f} right, curve {curves[kind]}")
    if arguments.write:
        about = f"{arguments.games} games of {arguments.seconds:g} s, seeds from {FIRST}"
        text = json.dumps({"fitted_on": about, "curves": curves}, indent=1)
        TARGET.write_text(text + "\n", encoding="utf-8")


def fitted(margins: list[float], right: list[bool]) -> tuple[float, float]:
    """Slope and offset of the logistic curve, by maximum likelihood with a weak prior.

    The slope is never below 0: a wider margin does not make an event less sure.
    """
    from scipy.optimize import minimize

    x, y = np.asarray(margins), np.asarray(right, float)
    prior = np.linspace(0, 1, 5)

    def loss(curve: np.ndarray) -> float:
        def cost(at: np.ndarray, truth: np.ndarray | float) -> np.ndarray:
            z = curve[0] * at + curve[1]
            return np.logaddexp(0, z) - truth * z

        spread = _PRIOR / len(prior) * cost(prior, 0.75).sum()
        return float(cost(x, y).sum() + spread + 0.05 * curve[0] ** 2)

    best = minimize(loss, [2.0, 0.0], bounds=[(0.0, 12.0), (-8.0, 8.0)])
    return float(best.x[0]), float(best.x[1])


def worsened(tracks: pd.DataFrame, fps: float, seed: int) -> pd.DataFrame:
    """``tracks`` as a middling detector and tracker see them."""
    rng = np.random.default_rng([seed, 77])
    out = tracks.sort_values(["track_id", "frame"], kind="stable", ignore_index=True)
    height = (out["y2_px"] - out["y1_px"]).to_numpy(np.float64)
    for axis in ("x", "y"):
        # Errors that last about a third of a second, of a twentieth of the height.
        error = pd.Series(rng.normal(0, 1, len(out))).rolling(8, min_periods=1).mean().to_numpy()
        for edge in ("1", "2"):
            out[f"{axis}{edge}_px"] += (0.05 * np.sqrt(8) * error * height).astype(np.float32)
    person = (out["class"] != "puck").to_numpy()
    piece = np.cumsum(rng.random(len(out)) < 1 / (7.0 * fps))
    named = pd.factorize(pd.Series(list(zip(out["track_id"], piece, strict=True))))[0] + 1
    out["track_id"] = named.astype("int32")
    ids = np.unique(named)
    kind = dict(zip(ids.tolist(), rng.random(len(ids)).tolist(), strict=True))
    luck = out["track_id"].map(kind).to_numpy(np.float64)
    player = person & (out["role"] == "player").to_numpy()
    other = out["team"].map({"A": "B", "B": "A", "": ""})
    out["team"] = out["team"].where(~(player & (luck < 0.06)), other)
    official = player & (luck > 0.96)
    out.loc[official, ["role", "team"]] = "referee", ""
    taken = (out["role"] == "referee").to_numpy() & (luck < 0.15)
    out.loc[taken, ["role", "team"]] = "player", "A"
    hidden = (luck > 0.5) & (luck < 0.58)  # never seen at all
    puck_missed = ~person & (rng.random(len(out)) < 0.3)
    return out[~hidden & ~puck_missed].reset_index(drop=True)


if __name__ == "__main__":
    main()
