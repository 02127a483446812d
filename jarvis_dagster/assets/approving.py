"""Delivery that waits for a person: what is asked, and what people look at.

Belongs here: a video's results as something to approve. Does not belong here: who may say yes
(``services/approval``), the delivery itself (``delivery``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.approval.approval import Figure, Shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jarvis_dagster.resources.services import ApprovalResource
    from jarvis_dagster.resources.workspace import Workspace
    from jarvis_dagster.services.approval import Approval

__all__ = ["ask_to_deliver", "figures_of_report", "team_of"]

_MOST_PICTURES = 4


def team_of(approvals: ApprovalResource, source: Mapping[str, Any]) -> str | None:
    """The team whose drive a video came from; None where the drive is everybody's."""
    return approvals.settings.security.drive_teams.get(str(source.get("drive", "")))


def ask_to_deliver(
    approvals: ApprovalResource,
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

    team = team_of(approvals, source)
    if not approvals.service.required("results", team):
        return approvals.service.ask("results", space.key, None, team=team)
    hashes = {name: sha256_file(path) for name, path in files.items()}
    before = space.json("results", "delivery") if space.has("results", "delivery.json") else {}
    after = figures_of_report(space)
    names = dict.fromkeys([*after, *before.get("figures", {})])
    return approvals.service.ask(
        "results",
        space.key,
        {"video": source["sha256"], "files": hashes},
        [Figure(name, before.get("figures", {}).get(name), after.get(name)) for name in names],
        title=f"Deliver the results of {source['name']}",
        team=team,
        by=by,
        shown=_shown(space, hashes),
    )


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
