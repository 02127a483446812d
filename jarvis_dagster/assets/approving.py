"""What assets ask a person before they go on, and what people look at.

Belongs here: a video's results, its corrections, and returned labels as something to approve. Does
not belong here: who may say yes (``services/approval``), what is done then (the assets).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.approval.approval import Figure, Shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.hockey.review.corrections import Correction
    from jarvis_dagster.resources.base import JarvisResource
    from jarvis_dagster.resources.workspace import Workspace
    from jarvis_dagster.services.approval import Approval

__all__ = ["ask_to_correct", "ask_to_deliver", "ask_to_learn", "figures_of_report"]

_MOST_PICTURES = 4


def ask_to_deliver(
    platform: JarvisResource,
    space: Workspace,
    source: Mapping[str, Any],
    files: Mapping[str, Path],
    by: str,
) -> Approval:
    """Whether these files may go to the drive; asked of a person where the settings say so.

    Args:
        files: Name in the results folder, and the file; each content counts.
    """
    from jarvis_dagster.services.files import sha256_file

    service, team = platform.core.approval_service, _team(platform, source)
    if not service.required("results", team):
        return service.ask("results", space.key, None, team=team)
    hashes = {name: sha256_file(path) for name, path in files.items()}
    before = space.json("results", "delivery") if space.has("results", "delivery.json") else {}
    after = figures_of_report(space)
    names = dict.fromkeys([*after, *before.get("figures", {})])
    return service.ask(
        "results",
        space.key,
        {"video": source["sha256"], "files": hashes},
        [Figure(name, before.get("figures", {}).get(name), after.get(name)) for name in names],
        title=f"Deliver the results of {source['name']}",
        team=team,
        by=by,
        shown=_shown(space, hashes),
    )


def ask_to_correct(
    platform: JarvisResource,
    space: Workspace,
    said: Sequence[Correction],
    applied: Sequence[Correction],
    by: str,
) -> Approval:
    """Whether these corrections of a video may be applied in place of those that are."""
    source = space.json("footage", "source")
    known = {one.key for one in applied}
    gone = [one for one in applied if one.key not in {new.key for new in said}]
    return platform.core.approval_service.ask(
        "labels",
        space.key,
        {"video": space.key, "corrections": sorted([one.key, one.kind] for one in said)},
        [
            *(Figure(one.words, "so" if one.key in known else None, "so") for one in said),
            *(Figure(one.words, "so", "taken back") for one in gone),
        ],
        title=f"Correct {source['name']} as its {len(said)} corrections say",
        team=_team(platform, source),
        by=by,
    )


def ask_to_learn(platform: JarvisResource, source: str, path: Path, by: str) -> Approval:
    """Whether labels that came back may become part of what is trained on.

    Args:
        source: Where they are; path is a copy of it here.
    """
    return platform.core.approval_service.ask(
        "labels",
        source,
        {"source": source, "sha256": _sha256(path)},
        title=f"Take the labels in {source} into the dataset that is trained on",
        by=by,
    )


def _sha256(path: Path) -> str:
    """Of a file, or of all files in a folder with their names."""
    from jarvis_dagster.services.approval.approval import content_sha256
    from jarvis_dagster.services.files import sha256_file

    if path.is_file():
        return sha256_file(path)
    files = sorted(one for one in path.rglob("*") if one.is_file())
    return content_sha256([[str(one.relative_to(path)), sha256_file(one)] for one in files])[1]


def _team(platform: JarvisResource, source: Mapping[str, Any]) -> str | None:
    """The team whose drive a video came from; None where the drive is everybody's."""
    return platform.settings.security.drive_teams.get(str(source.get("drive", "")))


def figures_of_report(space: Workspace) -> dict[str, float | str]:
    """What is counted in a video, as the report counts it; for a look at what changed."""
    report = space.json("game_report", "report")
    people = report["people"]
    figures: dict[str, float | str] = {"people": len(people)}
    for row in people:
        kind = f"{row['role']}s" if row.get("role") else "of no role"
        figures[kind] = figures.get(kind, 0) + 1  # type: ignore[operator]
    for event in report["events"]:
        kind = str(event["type"]).replace("_", " ")
        figures[kind] = figures.get(kind, 0) + 1  # type: ignore[operator]
    figures["highlights"] = len(report["highlights"])
    corrected = report.get("corrected")
    if corrected:
        figures["corrections applied"] = sum(bool(one["applied"]) for one in corrected["said"])
    return figures


def _shown(space: Workspace, hashes: Mapping[str, str]) -> list[Shown]:
    """The report, and pictures of the first highlights."""
    pictures = [name for name in hashes if name.endswith(".jpg")][:_MOST_PICTURES]
    shown = [Shown("report", space.object_key("game_report", "report.html"), hashes["report.html"])]
    for name in pictures:
        plain = name.removeprefix("highlights/")
        shown.append(Shown(plain, space.object_key("highlights", plain), hashes[name]))
    return shown
