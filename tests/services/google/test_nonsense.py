"""Answers with one wrong value: an error of Jarvis, or no harm, and never a crash."""

from __future__ import annotations

import contextlib
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import JarvisError
from tests.fakes.google.media import Answer
from tests.services.google.scene import CALLS, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer

WRONG: list[Any] = [None, True, 0, -1, 1.5, 10**30, "", "x", [], {}, [1], [None], {"a": 1}]


def places(value: Any) -> list[list[Any]]:
    """The ways to all values inside of a value."""
    inside: list[list[Any]] = [[]]
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, item in items:
        inside += [[key, *way] for way in places(item)]
    return inside


def spoiled(answer: dict[str, Any], dice: random.Random) -> Any:
    """The answer with one value replaced or left out."""
    copy = json.loads(json.dumps(answer))
    way = dice.choice(places(copy))
    if not way:
        return dice.choice(WRONG)
    holder = copy
    for key in way[:-1]:
        holder = holder[key]
    if isinstance(holder, dict) and dice.random() < 0.3:
        del holder[way[-1]]
    else:
        holder[way[-1]] = dice.choice(WRONG)
    return copy


@pytest.mark.parametrize("call", CALLS)
def test_one_wrong_value(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path, call: str
) -> None:
    original = server._dispatch
    for seed in range(12):
        dice = random.Random(seed)
        scene = Scene(server, drive, tmp_path)
        left = [dice.randrange(4)]

        def dispatch(*request: Any) -> Answer:
            answer = original(*request)
            if isinstance(answer.body, dict):
                left[0] -= 1  # noqa: B023  used before the next round
                if left[0] == -1:  # noqa: B023
                    wrong = spoiled(answer.body, dice)  # noqa: B023
                    return Answer(answer.status, json.dumps(wrong).encode(), answer.headers)
            return answer

        server._dispatch = dispatch  # type: ignore[method-assign]
        with contextlib.suppress(JarvisError, AssertionError):
            getattr(scene, call)()
        server._dispatch = original  # type: ignore[method-assign]
        for item in list(server.world.files.values()):
            if item.parent == server.world.root:
                server.world.remove(item.id)
    scene = Scene(server, drive, tmp_path)
    getattr(scene, call)()
