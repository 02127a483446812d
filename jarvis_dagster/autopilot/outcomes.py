"""What becomes of a round: from what was planned and tried to what is done.

Belongs here: the names of outcomes, and which it is. Does not belong here: the plan
(``hockey/adaptation/policy``), doing it and keeping it (``pilot``).
"""

from __future__ import annotations

from typing import Any

from jarvis_dagster.autopilot.retraining import CONCLUDED
from jarvis_dagster.hockey.adaptation import NEUTRAL, Parameters

__all__ = ["ANSWERS", "ROUTINE", "outcome_of", "training_of", "while_training"]

ANSWERS = ("apply", "drop")
"""Actions that follow a person's answer."""
ROUTINE = ("gather", "nothing", "watch", "wait")
"""Outcomes by which nothing is tried or changed."""


def outcome_of(
    analysed: dict[str, Any], tried: dict[str, Any] | None, past: list[dict[str, Any]]
) -> tuple[str, str, Parameters]:
    """What becomes of it, why, and the parameters that are then in force."""
    action, why = analysed["action"], analysed["why"]
    if action == "rollback":
        last = next(one for one in reversed(past) if one["outcome"] == "adapted")
        return "rolled_back", why, Parameters.from_json(last["before"]["parameters"])
    if action == "conclude":
        return analysed["training"]["outcome"], why, NEUTRAL
    if action in ANSWERS:
        asked = past[analysed["settles"] - 1]
        after = Parameters.from_json(asked["after"]["parameters"])
        return ("adapted" if action == "apply" else "rejected"), why, after
    if action != "adapt" or tried is None:
        return action, why, NEUTRAL
    why = f"{why} {tried['why']}"
    if tried["better"]:
        return "adapted", why, Parameters.from_json(tried["candidate"])
    return ("kept" if tried["retrain"] is None else "retraining"), why, NEUTRAL


def while_training(training: dict[str, Any], action: str, why: str) -> tuple[str, str]:
    """Action and reason of a round while a training goes on, or when it has ended.

    Args:
        training: How it goes; see ``Retraining.look``.
    """
    if training["outcome"] is not None:
        return "conclude", training["why"]
    if action == "rollback":
        return action, why
    return "wait", f"{training['why']} {why}"


def training_of(
    analysed: dict[str, Any], outcome: str, past: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """What a decision says of the training that it concludes; None where it concludes none."""
    if outcome not in CONCLUDED:
        return None
    return {**past[analysed["settles"] - 1]["training"], **analysed["training"]}
