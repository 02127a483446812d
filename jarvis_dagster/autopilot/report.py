"""The Autopilot for people: a row a camera, and the log of decisions as a page.

Belongs here: numbers to text and pictures. Does not belong here: deciding (``pilot``), looks
(``log.html``).
"""

from __future__ import annotations

import datetime
import io
from typing import TYPE_CHECKING, Any

from jarvis_dagster.autopilot.outcomes import ROUTINE
from jarvis_dagster.errors import JarvisError
from jarvis_dagster.hockey.adaptation import Parameters
from jarvis_dagster.hockey.adaptation.policy import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.autopilot.pilot import Pilot
    from jarvis_dagster.autopilot.standing import Camera

__all__ = ["history_chart", "log_page", "models_said", "rows_of"]

_WORDS = {
    "gather": "gathers",
    "nothing": "nothing to do",
    "watch": "watches",
    "wait": "waits",
    "adapted": "adapted",
    "kept": "kept as it was",
    "asked": "asked a person",
    "rejected": "was told no",
    "retraining": "started a training",
    "promoted": "has a better detector",
    "not_promoted": "keeps its detector",
    "training_failed": "saw a training fail",
    "rolled_back": "rolled back",
    "set": "set by hand",
    "model_rolled_back": "took the promotion back",
    "model_warned": "warned of the promotion",
    "model_confirmed": "confirmed the promotion",
    "model_kept": "could not take the promotion back",
}
_COLOURS = {
    "adapted": "#0d6b35",
    "promoted": "#0d6b35",
    "rolled_back": "#a33015",
    "retraining": "#6b3fa0",
}


def rows_of(pilot: Pilot) -> list[dict[str, Any]]:
    """Each camera as it stands now; plain values, and the same in words."""
    from jarvis_dagster.autopilot.standing import limits_of

    rows = []
    for name in pilot.cameras():
        camera = pilot.camera(name)
        made = plan(camera.standing, limits_of(pilot.config), datetime.datetime.now(datetime.UTC))
        level = made.performance
        last = next((d for d in reversed(camera.decisions) if d["outcome"] not in ROUTINE), None)
        figure = camera.figures[-1] if camera.figures else None
        known = level.estimate if level else (figure.value if figure else None)
        rows.append(
            {
                "camera": name,
                "videos": len(camera.evidence),
                "performance": known,
                "interval": [level.low, level.high] if level else None,
                "performance_said": _said(known, level),
                "evidence": made.fall.now,
                "evidence_said": f"{made.fall.now:.1f} to 1 (of {made.fall.needed:.0f})",
                "parameters": camera.current.parameters.to_json(),
                "version": camera.current.version,
                "parameters_said": camera.current.parameters.words,
                "last": last["number"] if last else None,
                "last_said": f"{last['at'][:10]} {_WORDS[last['outcome']]}" if last else "none",
                "next": made.action,
                "why": made.why,
                "lacks": figure.lacks if figure else {},
            }
        )
    return rows


def models_said(pilot: Pilot) -> list[str]:
    """How the probations of promoted models go; empty where none is watched."""
    said = []
    for watch in pilot.watches:
        try:
            found = watch.stands()
        except JarvisError as error:
            said.append(f"How the promoted {watch.of.title} does is not known: {error}")
            continue
        if found is not None:
            name = f"{watch.of.label(found.move.to)} of {watch.of.name}"
            said.append(f"Since {found.move.at[:10]} {name} is on probation. {found.trial.why}")
    return said


def _probations(pilot: Pilot) -> list[dict[str, Any]]:
    """Decisions about promoted models, the newest first."""
    made = [
        {
            **one,
            "word": _WORDS[one["outcome"]],
            "model": watch.of.name,
            "was": watch.of.label(one["to"]),
            "became": watch.of.label(one["from"]),
            "rows": [{"camera": name, **told} for name, told in one["trial"]["cameras"].items()],
        }
        for watch in pilot.watches
        for one in pilot.library.decisions(watch.subject)
    ]
    return sorted(made, key=lambda one: str(one["at"]), reverse=True)


def _said(known: float | None, level: Any) -> str:
    if known is None:
        return "not known yet"
    return f"{known:.2f}" + (f" ({level.low:.2f} to {level.high:.2f})" if level else " (one video)")


def log_page(pilot: Pilot) -> str:
    """A self-contained page of all cameras and decisions, the newest first."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jarvis_dagster.autopilot", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    cameras = []
    for row in rows_of(pilot):
        camera = pilot.camera(row["camera"])
        chart = history_chart(camera, pilot.config.performance, "svg").decode("utf-8")
        cameras.append(
            {
                **row,
                # The XML head has no place within a page.
                "chart": chart[chart.index("<svg") :],
                "decisions": _grouped(camera.decisions),
            }
        )
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")
    return environment.get_template("log.html").render(
        cameras=cameras,
        models=models_said(pilot),
        probations=_probations(pilot),
        at=at[:16].replace("T", " "),
        limit=pilot.config.performance,
    )


def _grouped(decisions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest first; rounds in a row by which nothing happened are one entry."""
    shown: list[dict[str, Any]] = []
    for one in reversed(decisions):
        routine = one["outcome"] in ROUTINE
        if routine and shown and shown[-1]["outcome"] == one["outcome"]:
            shown[-1]["rounds"] += 1
            shown[-1]["since"] = one["at"]
            continue
        shown.append(
            {
                **one,
                "rounds": 1,
                "since": one["at"],
                "routine": routine,
                "word": _WORDS[one["outcome"]],
                "before_said": Parameters.from_json(one["before"]["parameters"]).words,
                "after_said": Parameters.from_json(one["after"]["parameters"]).words
                if one["after"]
                else None,
                "trials": _trials(one),
            }
        )
    return shown


def _trials(decision: dict[str, Any]) -> list[dict[str, Any]]:
    """The best of what a search tried, and what was in force."""
    search = (decision["tried"] or {}).get("search")
    if not search:
        return []
    best = sorted(search["trials"], key=lambda trial: -trial["figure"])[:5]
    rows = [{"figure": search["current"]["figure"], "said": "as it was"}]
    return rows + [
        {"figure": t["figure"], "said": Parameters.from_json(t["parameters"]).words} for t in best
    ]


def history_chart(camera: Camera, limit: float, kind: str = "png") -> bytes:
    """Performance of every video of a camera over time, with what was decided."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.subplots()
    values = [camera.figure(one).value for one in camera.evidence]
    known = [(number, value) for number, value in enumerate(values, 1) if value is not None]
    reference = {video for one in camera.references.values() for video in one.videos}
    axes.axhspan(0, limit, color="#fbdcd3", alpha=0.5, lw=0)
    axes.axhline(limit, color="#a33015", lw=1)
    if known:
        at, level = (list(column) for column in zip(*known, strict=True))
        axes.plot(at, level, color="#5b6b7b", lw=1, zorder=1)
        colours = [
            "#9fb0c0" if camera.evidence[number - 1].video in reference else "#10273f"
            for number, _ in known
        ]
        axes.scatter(at, level, c=colours, s=26, zorder=2)
    places: list[float] = []
    for one in camera.decisions:
        if one["outcome"] in _COLOURS:
            place = sum(video.at <= one["at"] for video in camera.evidence) + 0.5
            places.append(place)
            place += 0.25 * (places.count(place) - 1)  # decisions between the same two videos
            axes.axvline(place, color=_COLOURS[one["outcome"]], lw=1.5)
            axes.annotate(
                f" {_WORDS[one['outcome']]}",
                (place, 0.04),
                color=_COLOURS[one["outcome"]],
                fontsize=8,
                rotation=90,
                va="bottom",
            )
    axes.set(ylim=(0, 1.03), xlabel="videos, in the order of analysis", ylabel="performance")
    axes.set_xlim(0.3, max(len(values), 5) + 0.9)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=100, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()
