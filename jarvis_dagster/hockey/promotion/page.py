"""The decision as a page that a person can read.

Belongs here: numbers to text, the chart of the intervals. Does not belong here: the decision
(``rule``), looks (``decision.html``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.promotion.figures import FIGURES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["decision_page"]

_WIDTH = 300.0


def decision_page(record: Mapping[str, Any]) -> str:
    """A self-contained HTML page of a decision record."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jarvis_dagster.hockey.promotion", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"signed": _signed, "points": _points}
    verdict = record["verdict"]
    rows = [
        *(_bar(FIGURES[f["name"]], f["gain"], 0.0) for f in _agreed_first(record)),
        *(_bar(f"F1 of {r['role']}s", r["change"], -r["margin"]) for r in verdict["roles"]),
    ]
    return environment.get_template("decision.html").render(
        record=record,
        verdict=verdict,
        agreed=record["rule"]["figure"],
        names=FIGURES,
        bars=_scaled(rows),
        videos=_videos(record),
    )


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}"


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _agreed_first(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    agreed = record["rule"]["figure"]
    return sorted(record["verdict"]["figures"], key=lambda f: f["name"] != agreed)


def _bar(name: str, interval: Mapping[str, float], limit: float) -> dict[str, Any]:
    return {"name": name, **interval, "limit": limit}


def _scaled(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Where each interval is drawn, on one scale for all."""
    ends = [row[key] for row in rows for key in ("low", "high", "limit")]
    low, high = min([-0.01, *ends]), max([0.01, *ends])
    room = 0.05 * (high - low)
    low, high = low - room, high + room

    def at(value: float) -> float:
        return round(_WIDTH * (value - low) / (high - low), 1)

    for row in rows:
        row["x"] = {key: at(row[key]) for key in ("low", "estimate", "high", "limit")}
        row["holds"] = row["low"] > row["limit"] or row["low"] == row["limit"] < 0
    return {"rows": rows, "zero": at(0.0), "width": _WIDTH}


def _videos(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    name = record["rule"]["figure"]
    after = {one["video"]: one["figures"][name] for one in record["challenger"]["by_video"]}
    rows = []
    for one in record["champion"]["by_video"]:
        old, new = one["figures"][name], after[one["video"]]
        gain = None if old is None or new is None else new - old
        rows.append(
            {
                "video": one["video"],
                "pictures": one["pictures"],
                "old": old,
                "new": new,
                "gain": gain,
            }
        )
    return rows
