"""Where a body's joints are.

Belongs here: skating and goalkeeping poses as points in space. Does not belong
here: how a body is drawn.

A pose is a dictionary of joints, each (forward, left, up) in feet from the
point on the ice under the body.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pose", "goalkeeper_pose", "official_pose", "skater_pose"]

Array = NDArray[np.float64]
Pose = dict[str, Array]


def _off(forward: float, left: float, up: float) -> Array:
    return np.array((forward, left, up))


def _knee(hip: Array, ankle: Array, thigh: float, shin: float, out: float) -> Array:
    """The knee between hip and ankle, bent forward (two-bone inverse kinematics)."""
    way = ankle - hip
    distance = min(float(np.linalg.norm(way)), (thigh + shin) * 0.999)
    along = (thigh**2 - shin**2 + distance**2) / (2 * distance)
    bend = np.sqrt(max(thigh**2 - along**2, 0.0))
    direction = way / max(float(np.linalg.norm(way)), 1e-9)
    forward = np.array([1.0, out, 0.15])
    forward -= direction * float(forward @ direction)
    forward /= max(float(np.linalg.norm(forward)), 1e-9)
    knee: Array = hip + direction * along + forward * bend
    return knee


def _legs(pose: Pose, phase: float, reach: float, stance: float, hip_up: float) -> None:
    """A skating stride: one leg pushes out and back while the other glides and returns."""
    for name, sign in (("l", 1.0), ("r", -1.0)):
        swing = np.sin(phase + (0 if sign > 0 else np.pi))
        lift = np.cos(phase + (0 if sign > 0 else np.pi))
        push = max(0.0, -swing)
        ankle = np.array(
            [
                0.9 * reach * swing - 0.1,
                sign * (stance + 1.1 * reach * push),
                0.42 + 0.35 * reach * max(0.0, lift),
            ]
        )
        hip = np.array([-0.05, sign * 0.42, hip_up])
        pose[f"hip_{name}"] = hip
        pose[f"knee_{name}"] = _knee(hip, ankle, 1.62, 1.55, sign * 0.25)
        pose[f"ankle_{name}"] = ankle
        droop = 0.25 * push * reach
        pose[f"toe_{name}"] = ankle + _off(0.62, sign * 0.12, -0.3 - droop)
        pose[f"heel_{name}"] = ankle + _off(-0.32, 0.0, -0.3 + droop)


def _trunk(pose: Pose, hip_up: float, lean: float, twist: float, length: float) -> None:
    chest = np.array([np.sin(lean) * length, 0.0, hip_up + np.cos(lean) * length])
    side = np.array([np.sin(twist), np.cos(twist), 0.0]) * 0.82
    pose["chest"] = chest
    pose["pelvis"] = np.array([0.0, 0.0, hip_up])
    pose["shoulder_l"], pose["shoulder_r"] = chest + side, chest - side
    pose["head"] = chest + _off(0.24 + 0.3 * np.sin(lean), 0.0, 0.6 - 0.12 * np.sin(lean))


def skater_pose(phase: float, effort: float, speed: float, left_handed: bool, sway: float) -> Pose:
    """A skater; ``sway`` in [-1, 1] moves the stick from side to side."""
    fast = min(1.0, speed / 26)
    reach = 0.08 + 0.85 * max(effort * min(1.0, speed / 6), 0.25 * fast)
    hip_up = 3.05 - 0.3 * fast - 0.12 * effort
    pose: Pose = {}
    _legs(pose, phase, reach, 0.62 + 0.1 * fast, hip_up)
    _trunk(pose, hip_up, 0.42 + 0.38 * fast, 0.2 * np.sin(phase), 1.72)
    stick = 1.0 if left_handed else -1.0
    chest = pose["chest"]
    top = chest + _off(0.75, -0.35 * stick + 0.2 * sway, -1.0)
    low = chest + _off(1.0, 0.75 * stick + 0.35 * sway, -1.55)
    blade = np.array([low[0] + 1.75 + 0.25 * sway, 1.35 * stick + 0.9 * sway, 0.12])
    upper, lower = ("r", "l") if left_handed else ("l", "r")
    pose[f"hand_{upper}"], pose[f"hand_{lower}"] = top, low
    for name in ("l", "r"):
        middle = (pose[f"shoulder_{name}"] + pose[f"hand_{name}"]) / 2
        out = 0.35 if name == "l" else -0.35
        pose[f"elbow_{name}"] = middle + _off(-0.25, out, -0.2)
    pose["stick_top"], pose["stick_heel"] = top + (top - low) * 0.12, blade
    pose["stick_toe"] = blade + _off(0.35, -0.75 * stick, 0.02)
    return pose


def goalkeeper_pose(down: float, left_handed: bool, sway: float) -> Pose:
    """A goalkeeper; ``down`` 0 ready on the skates, 1 in the butterfly."""
    pose: Pose = {}
    hip_up = 2.55 - 1.2 * down
    for name, sign in (("l", 1.0), ("r", -1.0)):
        hip = np.array([-0.25, sign * 0.5, hip_up])
        ankle = np.array([-0.1 - 0.5 * down, sign * (1.05 + 1.35 * down), 0.42])
        knee = np.array([0.75, sign * (0.95 - 0.35 * down), 1.75 - 1.25 * down])
        pose[f"hip_{name}"], pose[f"knee_{name}"], pose[f"ankle_{name}"] = hip, knee, ankle
        pose[f"toe_{name}"] = ankle + _off(0.45, sign * 0.35, -0.3)
        pose[f"heel_{name}"] = ankle + _off(-0.3, 0.0, -0.3)
    _trunk(pose, hip_up, 0.5 - 0.25 * down, 0.1 * sway, 1.75)
    chest = pose["chest"]
    stick = -1.0 if left_handed else 1.0
    blocker, glove = ("l", "r") if stick > 0 else ("r", "l")
    pose[f"hand_{blocker}"] = chest + _off(0.85, 1.15 * stick, -0.95)
    pose[f"hand_{glove}"] = chest + _off(0.8, -1.35 * stick, -0.6 + 0.3 * down)
    for name, sign in (("l", 1.0), ("r", -1.0)):
        middle = (pose[f"shoulder_{name}"] + pose[f"hand_{name}"]) / 2
        pose[f"elbow_{name}"] = middle + _off(-0.2, 0.3 * sign, -0.15)
    hand = pose[f"hand_{blocker}"]
    pose["stick_top"] = hand + _off(-0.3, 0.3 * stick, 1.3)
    pose["paddle"] = hand + _off(0.3, -0.35 * stick, -1.0)
    pose["stick_heel"] = np.array([1.75, 0.45 * stick + 0.3 * sway, 0.12])
    pose["stick_toe"] = pose["stick_heel"] + (0.2, -1.1 * stick, 0.02)
    return pose


def official_pose(phase: float, effort: float, speed: float, arm_up: float) -> Pose:
    """A referee or linesman; ``arm_up`` 1 holds an arm straight up."""
    fast = min(1.0, speed / 24)
    reach = 0.05 + 0.7 * max(effort * min(1.0, speed / 6), 0.2 * fast)
    hip_up = 3.25 - 0.25 * fast
    pose: Pose = {}
    _legs(pose, phase, reach, 0.5, hip_up)
    _trunk(pose, hip_up, 0.14 + 0.3 * fast, 0.15 * np.sin(phase), 1.78)
    for name, sign in (("l", 1.0), ("r", -1.0)):
        swing = sign * 0.55 * np.sin(phase) * fast
        shoulder = pose[f"shoulder_{name}"]
        hand = shoulder + _off(0.25 + swing, 0.22 * sign, -1.75)
        elbow = shoulder + _off(-0.15 + 0.5 * swing, 0.25 * sign, -0.9)
        if sign > 0 and arm_up > 0:
            hand = hand + (shoulder + _off(0.2, 0.15, 1.75) - hand) * arm_up
            elbow = elbow + (shoulder + _off(0.1, 0.15, 0.85) - elbow) * arm_up
        pose[f"hand_{name}"], pose[f"elbow_{name}"] = hand, elbow
    return pose
