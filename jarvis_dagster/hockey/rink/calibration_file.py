"""The schema of a calibration file.

Belongs here: checking JSON, key by key, with messages that name the key. Does
not belong here: what a calibration does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jarvis_dagster.errors import BadInputError

__all__ = ["FORMAT", "parsed"]

FORMAT = "jarvis-calibration/1"
_KEYS = {
    "format",
    "rink",
    "image_size_px",
    "error_ft",
    "homography",
    "key_frames",
    "valid_frames",
    "max_gap_frames",
    "error_px",
    "bend",
}
_MOST_BEND = 0.5


def parsed(content: object) -> dict[str, Any]:
    """The arguments of ``Calibration`` from a file's JSON.

    Raises:
        BadInputError: what is wrong, naming the key.
    """
    if not isinstance(content, dict):
        raise BadInputError("the file is not a JSON object.")
    if content.get("format", FORMAT) != FORMAT:
        raise BadInputError(f"format {content['format']!r} is not {FORMAT!r}.")
    unknown = sorted(set(content) - _KEYS)
    if unknown:
        raise BadInputError(f"unknown key {unknown[0]!r}.")
    for key in ("rink", "image_size_px"):
        if key not in content:
            raise BadInputError(f"the key {key!r} is missing.")
    if not isinstance(content["rink"], str):
        raise BadInputError("rink must be a string.")
    found: dict[str, Any] = {"rink": content["rink"]}
    found["image_size_px"] = _whole_pair(content["image_size_px"], "image_size_px", 1)
    found["error_ft"] = _number(content.get("error_ft", 0.0), "error_ft")
    found |= _homographies(content)
    if "bend" in content:
        found["bend"] = _number(content["bend"], "bend")
        if abs(found["bend"]) > _MOST_BEND:
            raise BadInputError(f"bend {found['bend']} is not between -0.5 and 0.5.")
    if "valid_frames" in content:
        ranges = content["valid_frames"]
        if not isinstance(ranges, list):
            raise BadInputError("valid_frames must be a list of [first, last] pairs.")
        found["valid_frames"] = tuple(_whole_pair(pair, "valid_frames", 0) for pair in ranges)
    if "max_gap_frames" in content:
        gap = content["max_gap_frames"]
        if not isinstance(gap, int) or isinstance(gap, bool) or gap < 1:
            raise BadInputError("max_gap_frames must be a whole number above 0.")
        found["max_gap_frames"] = gap
    return found


def _homographies(content: dict[str, Any]) -> dict[str, Any]:
    """What is under ``homography``, ``key_frames`` and ``error_px``."""
    found: dict[str, Any] = {}
    if "homography" in content:
        found["homography"] = _matrix(content["homography"], "homography")
    if "key_frames" in content:
        found["key_frames"], found["error_px"] = _key_frames(content["key_frames"])
    elif "error_px" in content:
        found["error_px"] = {0: _number(content["error_px"], "error_px")}
    return found


def _key_frames(value: object) -> tuple[dict[int, list[list[float]]], dict[int, float]]:
    if not isinstance(value, list) or not value:
        raise BadInputError("key_frames must be a list of objects with frame and homography.")
    frames: dict[int, list[list[float]]] = {}
    errors: dict[int, float] = {}
    for entry in value:
        if not isinstance(entry, dict) or set(entry) - {"error_px"} != {"frame", "homography"}:
            raise BadInputError(
                "each of key_frames must have frame and homography, and may have error_px."
            )
        frame = entry["frame"]
        if not isinstance(frame, int) or isinstance(frame, bool) or frame < 0:
            raise BadInputError(f"key_frames: frame {frame!r} is not a whole number from 0.")
        if frame in frames:
            raise BadInputError(f"key_frames: frame {frame} occurs twice.")
        frames[frame] = _matrix(entry["homography"], f"key frame {frame}")
        if "error_px" in entry:
            errors[frame] = _number(entry["error_px"], f"key frame {frame}: error_px")
    return frames, errors


def _matrix(value: object, name: str) -> list[list[float]]:
    right = isinstance(value, list) and len(value) == 3
    rows = value if isinstance(value, list) else []
    if not right or not all(isinstance(row, list) and len(row) == 3 for row in rows):
        raise BadInputError(f"{name} must be three rows of three numbers.")
    return [[_number(item, name) for item in row] for row in rows]


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise BadInputError(f"{name} holds {value!r}, which is not a number.")
    return float(value)


def _whole_pair(value: object, name: str, least: int) -> tuple[int, int]:
    whole = isinstance(value, list) and len(value) == 2
    items = value if isinstance(value, list) else []
    if not whole or not all(isinstance(v, int) and not isinstance(v, bool) for v in items):
        raise BadInputError(f"{name} must be a pair of whole numbers.")
    if min(items) < least:
        raise BadInputError(f"{name}: {min(items)} is below {least}.")
    return items[0], items[1]
