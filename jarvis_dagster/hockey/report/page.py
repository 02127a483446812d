"""The page: which of the numbers it shows, and the template that shows them.

Belongs here: choosing rows, filters of the template. Does not belong here:
numbers (:mod:`.statistics`), sentences (:mod:`.wording`), looks (``report.html``).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from jarvis_dagster.hockey.report import statistics, wording

__all__ = ["render_page"]

_ELSEWHERE = ("in_view", "shift", "top_speed", "camera_cut", "zone_time", "possession")
"""Events that the page shows in other places than the table of events."""
_ROWS_SHOWN = 100


def render_page(
    numbers: dict[str, Any],
    *,
    colours: dict[str, str],
    pictures: dict[str, str],
    thumbnails: list[str],
    annotated: str,
    still: str,
) -> str:
    """The HTML.

    Args:
        numbers: What ``report.json`` holds.
        colours: CSS colour by team.
        pictures: Data URIs of the plots by name.
        thumbnails: A data URI for each highlight, "" where there is none.
        annotated: Address of the annotated video, "" where there is none.
        still: Data URI of a picture of it, or "".
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jarvis_dagster.hockey.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": wording.clock,
        "amount": wording.amount,
        "share": wording.share,
        "figure": wording.figure,
        "size": wording.size,
        "words": wording.words,
        "measured": wording.measured,
        "link": lambda path: quote(path, safe="/"),
    }
    people = numbers["people"]
    noted = [event for event in numbers["events"] if event["type"] not in _ELSEWHERE]
    return environment.get_template("report.html").render(
        **numbers,
        colours=colours,
        pictures=pictures,
        thumbnails=thumbnails,
        annotated=annotated,
        still=still,
        grades=wording.grades(numbers["preflight"]),
        findings=wording.findings(numbers["preflight"]),
        unsupported=wording.unsupported(numbers["not_supported"], numbers["preflight"]),
        ledger=_rows(noted, {highlight["event_id"] for highlight in numbers["highlights"]}),
        noted=len(noted),
        counts=wording.counts(noted),
        cuts=sum(event["type"] == "camera_cut" for event in numbers["events"]),
        followed=wording.followed(people) if people else "",
        people_shown=sorted(
            statistics.longest_in_view(people),
            key=lambda p: (p["team"] or "Z", p["role"] != "player"),
        ),
        heat_teams=[n.removeprefix("heat_") for n in pictures if n.startswith("heat_")],
        on_ice=any(person["time_on_ice_s"] is not None for person in people),
        named=any(person["person_id"] for person in people),
        jerseys=any(person["jersey_number"] is not None for person in people),
        placed=any(person["distance_ft"] is not None for person in people),
    )


def _rows(noted: list[dict[str, Any]], highlighted: set[str]) -> list[dict[str, Any]]:
    """The surest events, in the order of time.

    Highlights are always among them; peaks of action, of which every half minute
    has one, only where there is room.
    """
    best = sorted(
        noted,
        key=lambda e: (
            e["event_id"] not in highlighted,
            e["type"] == "action_peak",
            -e["confidence"],
        ),
    )
    return sorted(best[:_ROWS_SHOWN], key=lambda e: (e["start_s"], e["type"]))
