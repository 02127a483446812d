"""``jarvis experiment``: runs in MLflow, compared, reproduced, annotated, shared.

Belongs here: options, help and what is printed. Does not belong here: what is done
(``services/experiment``, ``sharing``).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table

if TYPE_CHECKING:
    from jarvis_dagster.services.experiment.finding import RunFacts
    from jarvis_dagster.services.experiment.reproduction import Reproduction

__all__ = ["experiment_app"]

experiment_app = typer.Typer(
    help="Experiments: list, compare, reproduce, annotate and share runs. RUN is an id, its"
    " beginning, or a name.",
    no_args_is_help=True,
)
Run = Annotated[str, typer.Argument(help="An id, its beginning, or a name.")]
Runs = Annotated[list[str], typer.Argument(help="Two runs or more; the first is the base.")]
Lower = Annotated[
    list[str] | None,
    typer.Option("--lower-is-better", help="A metric whose least value is best."),
]
_SHOWN_METRICS = 4
DIFFERS = 3


@experiment_app.command("list")
def list_runs(
    experiment: Annotated[
        str | None, typer.Argument(help="The experiment; by default all of them.")
    ] = None,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="How many runs.")] = 30,
    as_json: AsJson = False,
) -> None:
    """The newest runs."""
    from jarvis_dagster.commands.platform import platform

    with platform() as (_, core):
        runs = core.experiment_service.runs(experiment, most)
    if as_json:
        print_json([dataclasses.asdict(run) for run in runs])
        return
    print_table(
        ("run", "experiment", "name", "status", "started", "metrics"),
        [
            (
                run.run_id[:12],
                run.experiment,
                run.name,
                run.status.lower(),
                f"{run.started:%Y-%m-%d %H:%M}",
                _few(run),
            )
            for run in runs
        ],
        nothing="No run is recorded yet.",
    )


@experiment_app.command()
def show(run: Run, as_json: AsJson = False) -> None:
    """One run: parameters, metrics, files, notes, tags, how it can be reproduced."""
    from jarvis_dagster.commands.platform import platform
    from jarvis_dagster.services.experiment.notes import notes_in, own_tags_in, owner_in

    with platform() as (_, core):
        service = core.experiment_service
        run_id = service.find_run_id(run)
        facts, files = service.run_facts(run_id), service.artifacts(run_id)
        where = service.url_of(run_id)
    if as_json:
        print_json({**dataclasses.asdict(facts), "files": files, "page": where})
        return
    typer.echo(f"{facts.experiment}: {facts.name}  {facts.status.lower()}  {where}")
    owner, tags = owner_in(facts.tags), own_tags_in(facts.tags)
    if owner:
        typer.echo(f"owner: {owner}")
    print_table(("parameter", "value"), sorted(facts.parameters.items()))
    print_table(
        ("metric", "last value"),
        [(k, "-" if v is None else f"{v:.6g}") for k, v in sorted(facts.metrics.items())],
    )
    print_table(("tag", "value"), sorted(tags.items()))
    for path in files:
        typer.echo(f"file: {path}")
    for note in notes_in(facts.tags):
        typer.echo(f"{note.at} {note.by}: {note.text}")


@experiment_app.command()
def compare(
    runs: Runs,
    out: Annotated[Path | None, typer.Option(help="Write the page here (HTML).")] = None,
    lower_is_better: Lower = None,
    as_json: AsJson = False,
) -> None:
    """What differs between runs: parameters, metrics, curves, confusion, errors."""
    from jarvis_dagster.commands.platform import platform
    from jarvis_dagster.services.files import atomic_path

    with platform() as (_, core):
        service = core.experiment_service
        ids = [service.find_run_id(run) for run in runs]
        found = service.compare_experiments(ids, lower_is_better)
        page = service.comparison_page(found) if out is not None else ""
    if out is not None:
        with atomic_path(out) as part:
            part.write_text(page, "utf-8")
        typer.echo(f"{out}", err=True)
    if as_json:
        print_json(found)
        return
    names = [found["runs"][i]["name"] or i[:8] for i in ids]
    print_table(
        ("parameter", *names),
        [(name, *(v[i] or "-" for i in ids)) for name, v in found["parameters"].items()],
    )
    print_table(
        ("metric", *names),
        [
            (name, *(_cell(metric, run_id) for run_id in ids))
            for name, metric in found["metrics"].items()
        ],
    )


@experiment_app.command()
def reproduce(
    run: Run,
    recreate_packages: Annotated[
        bool,
        typer.Option(
            "--recreate-packages",
            help="Install the packages of then into an environment of its own (pip).",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a run's figures again from its data, code and seeds, and compare them.

    Exit code 3: they do not agree.
    """
    from jarvis_dagster.commands.platform import platform

    with platform(storage=True) as (_, core):
        service = core.experiment_service
        found = service.reproduce(
            service.find_run_id(run),
            recreate_packages=recreate_packages,
            told=lambda text: typer.echo(text, err=True),
        )
    if as_json:
        print_json(found.to_json())
    else:
        _print_reproduction(found)
    if not found.agrees:
        raise typer.Exit(DIFFERS)


@experiment_app.command()
def note(run: Run, text: Annotated[str, typer.Argument(help="What you want to say.")]) -> None:
    """Add a note to a run; nothing that others noted is changed."""
    from jarvis_dagster.commands.platform import platform, this_person

    with platform() as (_, core):
        service = core.experiment_service
        service.add_note(service.find_run_id(run), text, this_person())


@experiment_app.command()
def tag(
    run: Run,
    tags: Annotated[list[str], typer.Argument(help="NAME=VALUE sets a tag, NAME= takes it away.")],
    owner: Annotated[str | None, typer.Option(help="Say whose run it is.")] = None,
) -> None:
    """Set tags of a run, or its owner."""
    from jarvis_dagster.commands.platform import platform
    from jarvis_dagster.errors import BadInputError

    pairs = [text.partition("=") for text in tags]
    for name, equals, _ in pairs:
        if not equals:
            raise BadInputError(f"{name!r} is not a tag.", "Write NAME=VALUE.")
    with platform() as (_, core):
        service = core.experiment_service
        run_id = service.find_run_id(run)
        for name, _, value in pairs:
            service.tag_run(run_id, name, value or None)
        if owner is not None:
            service.set_owner(run_id, owner)


@experiment_app.command()
def share(
    runs: Runs,
    title: Annotated[str, typer.Option(help="What the page is called.")] = "",
    share_with: Annotated[
        list[str] | None, typer.Option("--with", help="An e-mail address to share it with.")
    ] = None,
    lower_is_better: Lower = None,
) -> None:
    """Keep a comparison in the object store, and put its page into the drive."""
    from jarvis_dagster.commands.platform import platform
    from jarvis_dagster.sharing_comparisons import share_comparison

    with platform(storage=True) as (settings, core):
        service = core.experiment_service
        ids = [service.find_run_id(run) for run in runs]
        shared = share_comparison(
            settings, core, ids, title=title, share_with=share_with or (), lower=lower_is_better
        )
    typer.echo(f"In the drive {settings.drive.name}: {shared.path}")
    typer.echo(f"In the object store: {shared.report_id}")


def _print_reproduction(found: Reproduction) -> None:
    print_table(
        ("figure", "then", "again", "allowed", ""),
        [
            (
                one.name,
                "-" if one.recorded is None else f"{one.recorded:.6g}",
                "-" if one.again is None else f"{one.again:.6g}",
                f"{one.allowed:.2g}",
                "agrees" if one.agrees else "DIFFERS",
            )
            for one in found.figures
        ],
    )
    print_table(
        ("package", "then", "now"),
        [(name, then or "-", now or "-") for name, (then, now) in found.packages.items()],
    )
    typer.echo(f"Code: {found.code}.")
    typer.echo(f"Files, as they were: {', '.join(found.data) or 'none'}.")
    seeds = ", ".join(f"{name} {seed}" for name, seed in found.seeds.items())
    typer.echo(f"Seeds: {seeds or 'in the arguments'}.")
    word = "All figures agree" if found.agrees else "The figures do not agree"
    typer.echo(f"{word}, after {found.seconds:.0f} s.")


def _few(run: RunFacts) -> str:
    shown = [f"{k} {v:.4g}" for k, v in sorted(run.metrics.items()) if v is not None]
    more = f", {len(shown) - _SHOWN_METRICS} more" if len(shown) > _SHOWN_METRICS else ""
    return ", ".join(shown[:_SHOWN_METRICS]) + more


def _cell(metric: dict[str, Any], run_id: str) -> str:
    value, delta = metric["values"][run_id], metric["deltas"][run_id]
    if value is None:
        return "-"
    best = " *" if metric["best"] == run_id else ""
    change = f" ({delta:+.3g})" if delta else ""
    return f"{value:.5g}{change}{best}"
