"""``jarvis autopilot``: what the Autopilot sees, decides and changed; a word with it.

Belongs here: options, help and what is printed. Does not belong here: what is done
(``autopilot``, ``components/autopilot``).
"""

from __future__ import annotations

import contextlib
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table, terminal
from jarvis_dagster.errors import BadInputError, JarvisError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.components import Autopilot
    from jarvis_dagster.services.approval.approval import Verdict
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

__all__ = ["autopilot_app"]

autopilot_app = typer.Typer(
    help="The Autopilot: how well videos are seen, what it decided, a word with it.",
    no_args_is_help=True,
)
OneCamera = Annotated[str | None, typer.Option("--camera", help="Only this camera.")]
Camera = Annotated[str, typer.Argument(help="The camera; `jarvis autopilot status` lists them.")]


@autopilot_app.command()
def start(
    every_s: Annotated[
        float | None, typer.Option(help="Seconds between two rounds; else as set.")
    ] = None,
    camera: Annotated[
        list[str] | None, typer.Option("--camera", help="Only this camera; once for each.")
    ] = None,
) -> None:
    """Start the loop, for ever; where it runs already, that one goes on. Prints its id."""
    with _talking() as (settings, component):
        config: dict[str, Any] = {"look_every_s": every_s or settings.autopilot.look_every_s}
        if camera:
            config["cameras"] = camera
        typer.echo(component.autonomous_hockey_analysis(config))


@autopilot_app.command()
def stop() -> None:
    """End the loop; parameters in force stay in force."""
    with _talking() as (_, component):
        ended = component.jarvis_core.workflow_service.cancel_workflow(component.workflow_id)
    typer.echo("The loop ends." if ended else "No loop runs.")


@autopilot_app.command()
def pause() -> None:
    """Begin nothing more until it is resumed; what is begun is finished."""
    from jarvis_dagster.commands.platform import this_person

    with _talking() as (_, component):
        component.pause(this_person())
    typer.echo("Paused. Go on: jarvis autopilot resume")


@autopilot_app.command()
def resume() -> None:
    """Go on, with a round at once."""
    from jarvis_dagster.commands.platform import this_person

    with _talking() as (_, component):
        component.resume(this_person())
    typer.echo("Resumed.")


@autopilot_app.command()
def look(as_json: AsJson = False) -> None:
    """One round here and now, in this process: collect, analyse, decide, act."""
    from jarvis_dagster.autopilot import Pilot
    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.commands.platform import platform

    with platform(storage=True) as (settings, core), Display(terminal(stderr=True)) as display:
        made = Pilot(settings, core, progress=display.update).look("by hand")
    if as_json:
        print_json(made)
        return
    if not made:
        typer.echo("No video is analysed yet: `jarvis run VIDEO`.")
    for one in made:
        typer.echo(f"{one['camera']}: {one['outcome']}. {one['why']}")


@autopilot_app.command()
def status(as_json: AsJson = False) -> None:
    """Each camera's performance and parameters, and what the loop does."""
    from jarvis_dagster.autopilot import Pilot
    from jarvis_dagster.autopilot.report import models_said, rows_of

    with _stored() as (settings, core):
        pilot = Pilot(settings, core)
        rows, models = rows_of(pilot), models_said(pilot)
        loop = _loop(core)
    if as_json:
        print_json({"loop": loop, "cameras": rows, "models": models})
        return
    typer.echo(_loop_said(loop))
    if not rows:
        typer.echo("No video is analysed yet: `jarvis run VIDEO`.")
        return
    print_table(
        ("camera", "videos", "performance", "evidence against", "parameters", "last decision"),
        [
            (
                row["camera"],
                str(row["videos"]),
                row["performance_said"],
                row["evidence_said"],
                row["parameters_said"],
                row["last_said"],
            )
            for row in rows
        ],
    )
    for row in rows:
        for part, why in row["lacks"].items():
            typer.echo(f"{row['camera']}: {part} is not supported: {why}.")
    for said in models:
        typer.echo(said)


@autopilot_app.command()
def log(
    camera: OneCamera = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the last ones.")] = 20,
    every: Annotated[
        bool, typer.Option("--all", help="Also rounds by which nothing was tried.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--html", help="Write the whole log as a page here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What was seen, considered and decided, and why."""
    from jarvis_dagster.autopilot import Pilot
    from jarvis_dagster.autopilot.outcomes import ROUTINE
    from jarvis_dagster.autopilot.report import log_page

    with _stored() as (settings, core):
        pilot = Pilot(settings, core)
        decisions = pilot.library.decisions(camera)
        if out is not None:
            out.write_text(log_page(pilot), "utf-8")
            typer.echo(str(out))
            return
    shown = [one for one in decisions if every or one["outcome"] not in ROUTINE][-limit:]
    if as_json:
        print_json(shown)
        return
    if not shown:
        typer.echo(f"Nothing was tried or changed, in {len(decisions)} recorded rounds.")
    for one in shown:
        typer.echo(f"{one['at'][:16]} {one['camera']} #{one['number']}: {one['outcome']}")
        typer.echo(f"  {one['why']}")


@autopilot_app.command()
def parameters(camera: Camera, as_json: AsJson = False) -> None:
    """Every set of parameters that a camera had, by version; the one in force is marked."""
    from jarvis_dagster.autopilot import Library

    with _stored() as (_, core):
        library = Library(core.storage_service)
        versions, current = library.versions(camera), library.current(camera)
    if as_json:
        content = {str(number): one.to_json() for number, one in versions.items()}
        print_json({"current": current.version, "versions": content})
        return
    print_table(
        ("version", "in force", "parameters"),
        [
            ("0", "yes" if current.version == 0 else "", "nothing changed"),
            *(
                (str(number), "yes" if number == current.version else "", one.words)
                for number, one in versions.items()
            ),
        ],
    )


@autopilot_app.command()
def rollback(
    camera: Camera,
    version: Annotated[int, typer.Option(min=0, help="Of `jarvis autopilot parameters`.")] = 0,
    why: Annotated[str, typer.Option(help="The reason, for the record.")] = "Set by hand.",
) -> None:
    """Put earlier parameters in force again; 0 are those that change nothing."""
    from jarvis_dagster.autopilot import Pilot
    from jarvis_dagster.commands.platform import this_person

    with _stored() as (settings, core):
        made = Pilot(settings, core).set_version(camera, version, by=this_person(), why=why)
    typer.echo(f"{camera} has version {made['after']['version']} now (decision {made['number']}).")


@autopilot_app.command()
def approve(
    camera: Camera,
    reject: Annotated[bool, typer.Option("--reject", help="Say no; needs --reason.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
) -> None:
    """Say yes (or no) to the change that waits for a camera, as the person at this machine.

    `jarvis autopilot log` tells what it is; the next round carries it out.
    """
    from jarvis_dagster.autopilot import Pilot

    with _stored() as (settings, core):
        pending = Pilot(settings, core).camera(camera).pending
        if pending is None:
            raise BadInputError(
                f"Nothing of camera {camera} waits for an approval.",
                "`jarvis autopilot log` has it all.",
            )
        verdict: Verdict = "rejected" if reject else "approved"
        core.approval_service.decide(pending["approval"], verdict, reason)
        with contextlib.suppress(JarvisError):  # it sees it at its next round
            _component(core).look()
    typer.echo(f"Decision {pending['number']} of {camera} is {verdict}.")


# -- within ------------------------------------------------------------------------


@contextlib.contextmanager
def _talking() -> Iterator[tuple[Settings, Autopilot]]:
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    settings = load_settings()
    with core_services(settings) as core:
        yield settings, _component(core)


@contextlib.contextmanager
def _stored() -> Iterator[tuple[Settings, JarvisCoreServices]]:
    """Settings and services; the embedded object store is lent where it does not run."""
    from jarvis_dagster.commands.platform import lent
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    settings = load_settings()
    with lent(settings), core_services(settings) as core:
        yield settings, core


def _component(core: JarvisCoreServices) -> Autopilot:
    from jarvis_dagster.components import Autopilot

    return Autopilot(core)


def _loop(core: JarvisCoreServices) -> dict[str, Any]:
    """What the loop says, or why it does not."""
    component = _component(core)
    try:
        found = component.get_workflow_status(component.workflow_id)
        if found["status"] != "running":
            return {"status": found["status"]}
        return {"status": "running", **component.state()}
    except JarvisError as error:
        return {"status": "unknown", "why": str(error)}


def _loop_said(loop: dict[str, Any]) -> str:
    if loop["status"] == "not_found":
        return "The loop was never started: jarvis autopilot start"
    if loop["status"] == "unknown":
        return f"What the loop does is not known: {loop['why']}"
    if loop["status"] != "running":
        return f"The loop is {loop['status']}: jarvis autopilot start"
    said = f"The loop runs ({loop['doing']}), {loop['rounds']} rounds so far."
    if loop["paused_by"]:
        said = f"The loop is paused by {loop['paused_by']} since {loop['paused_at'][:16]}."
    failed = "".join(f"\nLast round, {camera}: {why}" for camera, why in loop["failed"].items())
    return said + failed
