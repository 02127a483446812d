"""``jarvis toolchain``: train a model on a stored dataset and register it as a challenger.

Belongs here: options, help and what is printed. Does not belong here: what is done
(``toolchain``).
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table, terminal
from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jarvis_dagster.toolchain.pipeline import Workshop

__all__ = ["toolchain_app"]

toolchain_app = typer.Typer(
    help="Trainings: data, training, evaluation by video, a registered challenger. DATASET is"
    " NAME or NAME@VERSION; PIPELINE is one of `jarvis toolchain list`.",
    no_args_is_help=True,
)
Pipeline = Annotated[str, typer.Argument(help="Such as hockey-detection.")]
Ref = Annotated[str, typer.Argument(metavar="DATASET", help="NAME or NAME@VERSION.")]
Test = Annotated[list[str] | None, typer.Option(help="A video to judge by; repeat it.")]
Validation = Annotated[list[str] | None, typer.Option(help="A video to choose by; repeat it.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="An option, as in steps=300; repeat it.")
]
AcceptErrors = Annotated[
    bool, typer.Option("--accept-errors", help="Train in spite of errors in the dataset.")
]

_TITLES = {
    "data_preparation": "check",
    "training": "train",
    "evaluation": "evaluate",
    "deployment": "register",
}


@toolchain_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """The pipelines with their options and defaults."""
    from jarvis_dagster.toolchain.kinds import PIPELINES, kind_of

    rows = [(kind := kind_of(name), dict(kind.defaults)) for name in PIPELINES]
    if as_json:
        print_json({kind.name: options for kind, options in rows})
        return
    print_table(
        ("pipeline", "model", "judged by", "options"),
        [
            (kind.name, kind.model, kind.figure, ", ".join(f"{k}={v}" for k, v in options.items()))
            for kind, options in rows
        ],
    )


@toolchain_app.command()
def run(
    pipeline: Pipeline,
    dataset: Ref,
    test: Test = None,
    validation: Validation = None,
    options: Set = None,
    accept_errors: AcceptErrors = False,
    as_json: AsJson = False,
) -> None:
    """Train here and now; the same call again continues a stopped one."""
    request = _request(pipeline, dataset, test, validation, options, accept_errors)
    with _workshop() as (shop, told):

        def on_step(name: str, result: dict[str, Any]) -> None:
            told(name)
            if name == "data_preparation":
                split = result["job"]["split"]
                parts = [f"{p} {', '.join(split[p]) or '-'}" for p in ("training", "test")]
                terminal(stderr=True).print(
                    f"{result['job']['dataset']}: {'; '.join(parts)}", markup=False
                )

        done = shop.run(request, on_step)
    if as_json:
        print_json(done)
        return
    figures, old = done["figures"]["metrics"], done["baseline"]["metrics"]
    print_table(
        ("on held-out videos", done["baseline_name"], "new", "change"),
        [
            (name, f"{old[name]:.3f}", f"{value:.3f}", f"{value - old[name]:+.3f}")
            for name, value in figures.items()
            if name in old
        ],
    )
    verdict = "better than" if done["better"] else "NOT better than"
    typer.echo(
        f"{done['model']} {done['version']} is the challenger; by the deciding figure it is"
        f" {verdict} {done['baseline_name']}."
    )
    if pipeline == "ice-surface-detection":
        typer.echo("Promoting it is not supported: frozen games do not say where ice is.")
    else:
        typer.echo(f"Judge it on frozen games: jarvis models promote {done['model']}")


@toolchain_app.command()
def tune(
    pipeline: Pipeline,
    dataset: Ref,
    trials: Annotated[int, typer.Option(min=1, help="How many trials, earlier ones too.")] = 20,
    minutes: Annotated[float, typer.Option(min=0.01, help="Stop after this time.")] = 60.0,
    test: Test = None,
    validation: Validation = None,
    options: Set = None,
    accept_errors: AcceptErrors = False,
    as_json: AsJson = False,
) -> None:
    """Search for better options; the same call again goes on with the same search.

    Trials are judged on the validation videos. Options given by --set are not searched unless
    the pipeline says so.
    """
    import dataclasses

    from jarvis_dagster.toolchain.tuning import search

    request = _request(pipeline, dataset, test, validation, options, accept_errors)
    with _workshop() as (shop, told):
        prepared = shop.data_preparation(request)
        told("data_preparation")
        display = shop.progress

        def progress(what: str, done: int, total: int) -> None:
            if what == "trials":
                terminal(stderr=True).print(f"Trials: {done} of {total}", highlight=False)
            elif what == "train":
                display(done, total)

        result = search(shop, prepared, trials=trials, minutes=minutes, progress=progress)
    if as_json:
        print_json({**dataclasses.asdict(result), "best": result.best and result.best.number})
        return
    print_table(
        ("trial", result.figure, "state", "options", "seconds"),
        [
            (
                trial.number,
                "-" if trial.figure is None else f"{trial.figure:.4f}",
                trial.state,
                ", ".join(f"{k}={_short(v)}" for k, v in trial.options.items()),
                f"{trial.seconds:.0f}",
            )
            for trial in result.trials
        ],
    )
    best = result.best
    if best is None or best.figure is None:
        typer.echo("No trial has finished yet; the same call goes on.")
        return
    own = "" if result.default_figure is None else f", the defaults' is {result.default_figure:.4f}"
    settings = " ".join(f"--set {k}={_short(v)}" for k, v in best.options.items())
    typer.echo(f"The best {result.figure} is {best.figure:.4f}{own}: {settings}")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@toolchain_app.command()
def start(
    dataset: Ref,
    test: Test = None,
    validation: Validation = None,
    options: Set = None,
    accept_errors: AcceptErrors = False,
) -> None:
    """Start the workflow hockey-detection for the workers of `jarvis up`; prints its id."""
    from jarvis_dagster.components import Toolchain
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    request = _request("hockey-detection", dataset, test, validation, options, accept_errors)
    del request["pipeline"]
    with core_services(load_settings()) as core:
        typer.echo(Toolchain(core).run_hockey_detection_pipeline(request))


@toolchain_app.command()
def status(
    workflow_id: Annotated[str, typer.Argument(help="As `start` printed it.")],
    as_json: AsJson = False,
) -> None:
    """How far a workflow is."""
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    with core_services(load_settings()) as core:
        found = core.workflow_service.get_workflow_status(workflow_id)
    if as_json:
        print_json(found)
        return
    rows = [
        (key, found[key] if found[key] is not None else "-")
        for key in ("status", "start_time", "execution_time", "progress", "error")
    ]
    rows += [(f"{k} seconds", v) for k, v in found["performance"].get("step_seconds", {}).items()]
    print_table(("", workflow_id), rows)


def _request(
    pipeline: str,
    dataset: str,
    test: list[str] | None,
    validation: list[str] | None,
    options: list[str] | None,
    accept_errors: bool,
) -> dict[str, Any]:
    return {
        "pipeline": pipeline,
        "dataset": dataset,
        "test": test or [],
        "validation": validation or [],
        "options": dict(_option(text) for text in options or ()),
        "accept_errors": accept_errors,
    }


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadInputError(f"{text!r} is no option.", "Write name=value, as in steps=300.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@contextlib.contextmanager
def _workshop() -> Iterator[tuple[Workshop, Callable[[str], None]]]:
    """A workshop over the servers of the settings, and a function that names the next step."""
    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.commands.platform import lent
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.toolchain.pipeline import STEPS, workshop_of
    from jarvis_dagster.wiring import core_services

    settings = load_settings()
    step = [STEPS[0]]

    def finished(name: str) -> None:
        step[0] = STEPS[min(STEPS.index(name) + 1, len(STEPS) - 1)]

    with (
        Display(terminal(stderr=True)) as display,
        lent(settings, experiments=True),
        core_services(settings) as core,
    ):
        core.storage_service.ensure_buckets()
        shop = workshop_of(
            core.storage_service,
            core.experiment_service,
            settings.data_dir / "work",
            lambda done, total: display.update(_TITLES[step[0]], done, total),
            "jarvis toolchain",
        )
        yield shop, finished
