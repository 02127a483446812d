"""A week's report as HTML and PDF.

Belongs here: templates, sentences about the whole, WeasyPrint. Does not belong here: numbers.
"""

from __future__ import annotations

import base64
import datetime
import logging
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import NotSupportedError
from jarvis_dagster.hockey.trends import wording
from jarvis_dagster.hockey.trends.drawing import draw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.hockey.trends import Finding

__all__ = ["render", "write_pdf"]


def render(numbers: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """The page, as one file without script and without requests."""
    import importlib.resources

    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jarvis_dagster.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = [
        {**row, "shown": wording.number(row["latest"], one.series.figure)}
        for row, one in zip(numbers["figures"], findings, strict=True)
    ]
    first, last = (datetime.date.fromisoformat(numbers[k]) for k in ("first_day", "last_day"))
    more: dict[str, Any] = {}
    if numbers["kind"] == "team":
        more["games_of_week"] = [
            {**game, "trust": _trust(game["grades"])} for game in numbers["games_of_week"]
        ]
        more["summary"] = _of_team(numbers)
    else:
        more["summary"] = _of_platform(numbers)
    return environment.get_template(f"{numbers['kind']}.html").render(
        **{**numbers, **more, "figures": figures},
        css=importlib.resources.files("jarvis_dagster.reporting").joinpath("page.css").read_text(),
        days=_days(first, last),
        pictures={
            one.series.figure.name: _uri(draw(one, wording.direction(one))) for one in findings
        },
    )


def write_pdf(page: str, path: Path) -> Path:
    """The page as a PDF, A4, its text selectable.

    Raises:
        NotSupportedError: the libraries that WeasyPrint draws with are not on this machine.
    """
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it warns of what only screens know
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    try:
        import weasyprint
    except OSError as error:
        raise NotSupportedError(
            f"A PDF cannot be made on this machine ({str(error).splitlines()[0][:120]}).",
            "Install Pango (Debian: `libpango-1.0-0 libpangoft2-1.0-0`), or set `reports.pdf: no`.",
        ) from error
    partial = path.with_name(f".{path.name}.part")
    weasyprint.HTML(string=page, url_fetcher=_nothing_outside()).write_pdf(partial)
    return partial.replace(path)


def _nothing_outside() -> Any:
    """Pictures are in the page; nothing else is ever fetched, whatever a video is called."""
    from weasyprint.urls import URLFetcher

    return URLFetcher(allowed_protocols={"data"})


def _uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _days(first: datetime.date, last: datetime.date) -> str:
    if first.month == last.month:
        return f"{first.day} to {wording.day(last)}"
    return f"{wording.day(first).rpartition(' ')[0]} to {wording.day(last)}"


def _trust(grades: Mapping[str, str]) -> str:
    """``A to C``: the best and the worst letter that the footage earned."""
    letters = sorted({grade for grade in grades.values() if grade in set("ABCD")})
    if not letters:
        return "not graded"
    return letters[0] if len(letters) == 1 else f"{letters[0]} to {letters[-1]}"


def _of_team(numbers: Mapping[str, Any]) -> str:
    games, moved = len(numbers["games_of_week"]), _moved(numbers)
    week = "No game" if not games else f"{games} game{'' if games == 1 else 's'}"
    return f"{week} this week, {numbers['games_of_season']} this season. {moved}"


def _of_platform(numbers: Mapping[str, Any]) -> str:
    week = numbers["this_week"]
    failed = (
        f"{week['failed']} of {week['runs']} runs failed" if week["failed"] else "no run failed"
    )
    videos = f"{week['videos']} video{'' if week['videos'] == 1 else 's'}"
    return f"{videos} analysed, {failed}. {_moved(numbers)}"


def _moved(numbers: Mapping[str, Any]) -> str:
    titles = [row["title"] for row in numbers["figures"] if row["direction"]]
    if not titles:
        few = all(row["kind"] == "few" for row in numbers["figures"])
        return "It is too early for trends." if few else "No figure moved more than chance does."
    small = [titles[0], *(title[0].lower() + title[1:] for title in titles[1:])]
    listed = small[0] if len(small) == 1 else ", ".join(small[:-1]) + " and " + small[-1]
    return f"Moved: {listed}."
