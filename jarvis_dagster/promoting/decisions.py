"""Decisions on record: what is written down, where it is kept, how it is made again.

Belongs here: the record of a decision and its recipe. Does not belong here: how a decision comes
about and what is moved then (``promoter``).
"""

from __future__ import annotations

import dataclasses
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.promoting.arena import COMPONENT
from jarvis_dagster.services.experiment.code_version import code_version
from jarvis_dagster.services.files import safe_name, sha256_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.hockey.promotion import Rule, Verdict, VideoFigures
    from jarvis_dagster.promoting.arena import Arena, Contender, Games
    from jarvis_dagster.promoting.shadows import Shadows
    from jarvis_dagster.services.approval.approval import Figure
    from jarvis_dagster.services.experiment.recipe import Recipe

__all__ = ["Decision", "Judged", "asked_figures", "keep", "recipe_of"]

_EXPERIMENT = "promotion"


@dataclasses.dataclass(frozen=True)
class Decision:
    """A recorded decision: the record, its page, and the id of both in the store."""

    id: str
    promoted: bool
    record: dict[str, Any]
    page: str


@dataclasses.dataclass(frozen=True)
class Judged:
    """Two contenders on the same games, and the verdict; figures by video."""

    champion: Contender
    challenger: Contender
    games: Games
    verdict: Verdict
    before: list[VideoFigures]
    after: list[VideoFigures]

    def to_json(self, model: str, rule: Rule, shadows: Shadows, by: str) -> dict[str, Any]:
        """As it is recorded."""
        games = self.games
        return {
            "model": model,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": by,
            "champion": _told(self.champion, self.before),
            "challenger": _told(self.challenger, self.after),
            "games": {
                "name": games.name,
                "version": games.version,
                "id": games.id,
                "sha256": games.frozen.sha256,
                "videos": len(games.frozen.videos),
                "pictures": len(games.frozen.frames),
            },
            "rule": dataclasses.asdict(rule),
            "verdict": self.verdict.to_json(),
            "shadow": shadows.to_json(),
            "code": code_version().to_json(),
        }


def recipe_of(arena: Arena, rule: Rule, judged: Judged) -> Recipe | None:
    """How the decision is made again; None where a file that nobody keeps had a part in it."""
    from jarvis_dagster.services.experiment.recipe import DataRef, Recipe, Tolerance

    games = judged.games
    archive = arena.storage.resolve(
        f"{safe_name(games.name)}.tar", str(games.version), kind="datasets", component=COMPONENT
    )
    data = {
        name: DataRef("model", f"{arena.model}/{one.version}", one.sha256, one.path.name)
        for name, one in (("champion", judged.champion), ("challenger", judged.challenger))
        if one.version is not None and one.path is not None
    }
    used = arena.detector_in_use if arena.of_roles else None
    if used is not None and used.path is not None:
        if not used.registered:
            return None
        name, _, version = used.registered.rpartition(" ")
        sha256 = sha256_file(used.path)
        data["detector"] = DataRef("model", f"{name}/{version}", sha256, used.path.name)
    data["games"] = DataRef("stored", games.id, archive.sha256, "games.tar")
    return Recipe(
        "jarvis_dagster.hockey.promotion.again:judge",
        {
            **{name: {"$data": name} for name in data},
            **({} if "champion" in data else {"champion": None}),
            **({"of_roles": True} if arena.of_roles else {}),
            "rule": dataclasses.asdict(rule),
            "threads": arena.settings.vision.threads,
        },
        data,
        # Another processor may round otherwise, and so order two boxes otherwise.
        tolerance=Tolerance(absolute=0.002),
    )


def keep(
    arena: Arena,
    record: dict[str, Any],
    verdict: Verdict,
    identity: Mapping[str, str] | None,
    recipe: Recipe | None,
) -> Decision:
    """Keep the record in the store, for good, and in MLflow."""
    from jarvis_dagster.hockey.promotion.again import numbers_of
    from jarvis_dagster.hockey.promotion.page import decision_page

    page = decision_page(record)
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        html = Path(scratch) / f"promotion-{arena.model}.html"
        html.write_text(page, "utf-8")
        about = {"promoted": verdict.promoted, "games": record["games"]["sha256"]}
        decision = arena.storage.store("reports", html, about, COMPONENT)
        arena.storage.pin(decision)
        numbers = {side: record[side]["version"] or "packaged" for side in _SIDES}
        with arena.experiments.run(
            _EXPERIMENT,
            {"model": arena.model, **numbers, "games": record["games"], "rule": record["rule"]},
            name=f"{arena.model}: {numbers['challenger']} against {numbers['champion']}",
            identity=identity,
            component=COMPONENT,
        ) as log:
            log.metrics(numbers_of(verdict))
            if recipe is not None:
                log.recipe(recipe)
            log.json("decision", {"id": decision, **record})
            log.file(html)
            run_id = log.run_id
    word = "promote" if verdict.promoted else "keep the champion"
    arena.experiments.tag_model(
        arena.model,
        record["challenger"]["version"],
        {
            "jarvis.decision": decision,
            "jarvis.decision_run": run_id,
            "jarvis.decision_says": f"{word}: {verdict.reasons[0]}"[:1000],
        },
    )
    return Decision(decision, verdict.promoted, record, page)


_SIDES = ("champion", "challenger")


def asked_figures(record: dict[str, Any]) -> list[Figure]:
    """What a person looks at, in percent."""
    from jarvis_dagster.services.approval.approval import Figure

    def one(name: str, both: dict[str, Any], change: dict[str, float]) -> Figure:
        low, high = (100 * change[end] for end in ("low", "high"))
        before, after = (round(100 * both[side], 1) for side in _SIDES)
        return Figure(name, before, after, f"change {low:+.1f} to {high:+.1f}")

    verdict = record["verdict"]
    return [
        *(one(f"{f['name']}, %", f, f["gain"]) for f in verdict["figures"]),
        *(one(f"F1 of {r['role']}s, %", r, r["change"]) for r in verdict["roles"]),
    ]


def _told(contender: Contender, figures: list[VideoFigures]) -> dict[str, Any]:
    return {
        "label": contender.label,
        "version": contender.version,
        "sha256": contender.sha256,
        "by_video": [one.to_json() for one in figures],
    }
