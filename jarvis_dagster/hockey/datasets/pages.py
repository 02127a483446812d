"""The report of a dataset: a page to look at, and the same as JSON.

Belongs here: what goes on the page. Does not belong here: finding faults (``checking``), looks
(``report.html``).
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.datasets.sheets import COLOURS_BGR, example_sheet, examples_of

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.hockey.datasets.checking import Report
    from jarvis_dagster.hockey.datasets.model import Dataset

__all__ = ["write_report"]

_EXAMPLES = 6  # of a finding
_WITH_PICTURES = ("error", "warning")


def write_report(dataset: Dataset, report: Report, folder: Path) -> tuple[Path, Path]:
    """Write ``report.html``, which needs no other file, and ``report.json``."""
    import jinja2

    folder.mkdir(parents=True, exist_ok=True)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jarvis_dagster.hockey.datasets", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    by_name = {picture.name: picture for picture in dataset.pictures}
    findings: list[dict[str, Any]] = []
    for finding in report.findings:
        shown = [by_name[name] for name in finding.pictures if name in by_name][:_EXAMPLES]
        picture = shown and finding.severity in _WITH_PICTURES
        findings.append({"it": finding, "sheet": _uri(example_sheet(shown)) if picture else ""})
    page = environment.get_template("report.html").render(
        report=report,
        figures=report.figures,
        findings=findings,
        colours={kind: "#{2:02x}{1:02x}{0:02x}".format(*bgr) for kind, bgr in COLOURS_BGR.items()},
        examples=_uri(example_sheet(examples_of(dataset))) if dataset.labelled else "",
    )
    html, data = folder / "report.html", folder / "report.json"
    html.write_text(page, "utf-8")
    data.write_text(json.dumps(report.to_json(), indent=1, ensure_ascii=False), "utf-8")
    return html, data


def _uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
