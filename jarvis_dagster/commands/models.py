"""``jarvis models``: registered models, and which of them is the champion.

Belongs here: options, help and what is printed. Does not belong here: what is done
(``promoting``, ``services/experiment``).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table, terminal
from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.services.experiment.registry import Registered
    from jarvis_dagster.settings import Settings

__all__ = ["models_app"]

NOT_PROMOTED, WAITS = 3, 4

models_app = typer.Typer(
    help="Registered models: list, judge, promote, roll back.", no_args_is_help=True
)
Name = Annotated[str | None, typer.Argument(help="The model; by default that of the settings.")]
Why = Annotated[str, typer.Option(help="The reason, for the record.")]


@models_app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Every version of every model, with its stage and aliases."""
    from jarvis_dagster.commands.platform import platform

    with platform() as (_, core):
        service = core.experiment_service
        versions = [v for name in service.models() for v in service.versions(name)]
    if as_json:
        print_json([dataclasses.asdict(version) for version in versions])
        return
    _print_versions(versions)


@models_app.command()
def show(name: Name = None, as_json: AsJson = False) -> None:
    """Versions of a model, where its aliases went and why, and what was decided."""
    from jarvis_dagster.commands.platform import platform

    with platform() as (settings, core):
        name = name or settings.promotion.model
        versions = core.experiment_service.versions(name)
        moves = core.experiment_service.moves(name)
    if not versions:
        raise BadInputError(f"There is no model {name!r}.", "`jarvis models list` shows all.")
    if as_json:
        print_json(
            {
                "versions": [dataclasses.asdict(version) for version in versions],
                "moves": [dataclasses.asdict(move) for move in moves],
            }
        )
        return
    _print_versions(versions)
    print_table(
        ("when", "alias", "from", "to", "how", "by", "why"),
        [
            (m.at[:16], m.alias, m.came_from or "none", m.to or "none", m.how, m.by, m.why)
            for m in moves
        ],
    )


@models_app.command()
def register(
    file: Annotated[
        Path, typer.Argument(help="A detector, as `jarvis train` makes, or another model.")
    ],
    name: Annotated[str | None, typer.Option(help="The model; else that of the settings.")] = None,
    trained_on: Annotated[
        list[str] | None,
        typer.Option("--trained-on", help="A video it was trained on; it is not judged by that."),
    ] = None,
    why: Why = "Registered by hand.",
) -> None:
    """Register a model file as a new version, and make it the challenger."""
    from jarvis_dagster.commands.platform import platform, this_person

    with platform(storage=True) as (settings, core):
        name = name or settings.promotion.model
        # What cannot be loaded is no challenger.
        if name == settings.promotion.model:
            from jarvis_dagster.hockey.detection import load_detector

            load_detector(file)
        elif name == settings.promotion.roles_model:
            from jarvis_dagster.hockey.detection.role_reader import RoleReader

            RoleReader(file)
        judged = _judged(settings)
        service = core.experiment_service
        with service.run("registered files", {"file": file.name}, name=file.name) as log:
            version = log.model(file, name, {"by": this_person()})
            log.json("training_videos", sorted(trained_on or ()))
        service.move_alias(name, "challenger", version, by=this_person(), why=why)
    then = (
        f"Judge it: jarvis models promote{'' if name == judged[0] else f' {name}'}"
        if name in judged
        else "Promoting it is not supported: the product loads no such model."
    )
    typer.echo(f"{name} version {version} is the challenger. {then}")


@models_app.command("freeze-games")
def freeze_games(
    folder: Annotated[
        Path, typer.Argument(help="YOLO export: images/, labels/, data.yaml, groups.csv.")
    ],
    video: Annotated[
        list[str] | None, typer.Option("--video", help="Only this video; once for each.")
    ] = None,
    aspect: Annotated[
        str | None, typer.Option(help="True shape of pictures stored stretched, as in 16:9.")
    ] = None,
) -> None:
    """Freeze labelled games that models are judged on; never train on them."""
    from jarvis_dagster.commands.platform import platform
    from jarvis_dagster.hockey.detection.evaluation import parse_aspect
    from jarvis_dagster.promoting import Arena

    with platform(storage=True) as (settings, core):
        made = Arena(settings, core).freeze_games(
            folder, videos=video or None, aspect=parse_aspect(aspect)
        )
        least = settings.promotion.min_videos
    videos = made.frozen.videos
    typer.echo(
        f"{made.name} version {made.version}: {len(made.frozen.frames)} pictures of"
        f" {len(videos)} videos, content {made.frozen.sha256[:12]}"
    )
    if len(videos) < least:
        typer.echo(
            f"They are too few to promote a model: {least} videos are needed"
            " (promotion.min_videos).",
            err=True,
        )


@models_app.command()
def promote(
    name: Name = None,
    version: Annotated[
        str, typer.Option(help="The version to judge; by default the challenger.")
    ] = "challenger",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Judge and record, but move nothing.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the decision's page here too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a version against the champion on the frozen games; promote it if it is better.

    Exit code 3: it is not. Exit code 4: it is, and a person has to approve it first.
    """
    from jarvis_dagster.commands.platform import platform, this_person
    from jarvis_dagster.promoting import Promoter

    with platform(storage=True) as (settings, core), _display() as display:
        promoter = Promoter(settings, core, display.update, name)
        decision = promoter.decide(version, by=this_person())
        answer, move = None, None
        if decision.promoted and not dry_run:
            answer, move = promoter.settle(decision, by=this_person())
    if out is not None:
        out.write_text(decision.page, "utf-8")
    if as_json:
        waits = {"approval": answer.to_json()} if answer is not None and answer.id else {}
        print_json({"id": decision.id, **decision.record, "moved": move is not None, **waits})
    else:
        _print_decision(decision.record, moved=move is not None)
        typer.echo(f"Decision record: {decision.id} (`jarvis storage get {decision.id} FILE.html`)")
    if not decision.promoted:
        raise typer.Exit(NOT_PROMOTED)
    if answer is not None and move is None:
        typer.echo(f"{answer.words()} See `jarvis approvals show {answer.id}`.", err=True)
        raise typer.Exit(WAITS)


@models_app.command()
def rollback(name: Name = None, why: Why = "Rolled back by hand.") -> None:
    """Make the former champion the champion again; once more goes further back."""
    from jarvis_dagster.commands.platform import platform, this_person

    with platform() as (settings, core):
        name = name or settings.promotion.model
        move = core.experiment_service.roll_back(name, by=this_person(), why=why)
    own = name == settings.promotion.roles_model
    instead = "the detector's own roles stand" if own else "the packaged detector is used"
    to = f"version {move.to}" if move.to else f"none: {instead}"
    typer.echo(f"The champion of {name} is {to} (it was version {move.came_from or 'none'}).")


@models_app.command()
def shadow(
    video: Annotated[Path, typer.Argument(help="A video that nobody has labelled.")],
    version: Annotated[
        str, typer.Option(help="The version beside the champion; by default the challenger.")
    ] = "challenger",
    name: Annotated[
        str | None, typer.Option("--model", help="The model; by default that of the settings.")
    ] = None,
    stride: Annotated[int, typer.Option(min=1, help="Look at every n-th frame.")] = 5,
    out: Annotated[
        Path | None, typer.Option(help="Write the frames that differ most here (JPEG).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a version beside the champion on a video, and measure where they disagree."""
    from jarvis_dagster.commands.platform import platform
    from jarvis_dagster.commands.shadow import run_shadow
    from jarvis_dagster.promoting import Arena

    with platform(storage=True) as (settings, core):
        arena = Arena(settings, core, model=name)
        first, second = arena.champion(), arena.challenger(version)
        threads = settings.vision.threads
        with _display() as display:
            found = run_shadow(video, arena, first, second, stride, threads, display.update, out)
    if as_json:
        print_json({"champion": first.label, "challenger": second.label, **found.to_json()})
        return
    share = "nobody in view" if found.agreement is None else f"{found.agreement:.1%}"
    typer.echo(
        f"{first.label} and {second.label} on {video.name}: {share} of boxes agree.\n"
        f"  both {found.both:,}, only the champion {found.only_champion:,}, only the challenger"
        f" {found.only_challenger:,}, named differently {found.other_role:,}"
    )
    for one in found.worst:
        typer.echo(f"  at {one.pts_s:.1f} s (frame {one.frame}): {one.differing} boxes differ")


def _judged(settings: Settings) -> tuple[str, str]:
    return settings.promotion.model, settings.promotion.roles_model


def _display() -> Display:
    from jarvis_dagster.commands.display import Display

    return Display(terminal(stderr=True))


def _print_decision(record: dict[str, Any], *, moved: bool) -> None:
    verdict = record["verdict"]
    word = "promoted" if moved else "better" if verdict["promoted"] else "not promoted"
    typer.echo(f"{record['model']} {record['challenger']['label']}: {word}")
    for reason in verdict["reasons"]:
        typer.echo(f"  {reason}")
    figures = [
        (
            figure["name"],
            f"{100 * figure['champion']:.1f}",
            f"{100 * figure['challenger']:.1f}",
            _interval(figure["gain"]),
            f"{figure['videos']} videos",
        )
        for figure in verdict["figures"]
    ]
    roles = [
        (
            f"F1 of {role['role']}s",
            f"{100 * role['champion']:.1f}",
            f"{100 * role['challenger']:.1f}",
            _interval(role["change"]),
            f"may fall by {100 * role['margin']:.1f}",
        )
        for role in verdict["roles"]
    ]
    seen = record["shadow"]
    if seen["videos"]:
        agreed = 100 * (seen["agreement"] or 0)
        typer.echo(
            f"  In the shadow, on {seen['videos']} new videos: {agreed:.1f} %"
            f" of boxes agree, {seen['people'] or 0:.2f} people for each of the champion's, a look"
            f" takes {seen['time']:.2f} times as long."
        )
    if figures:
        print_table(("figure", "champion", "challenger", "change, interval", ""), figures + roles)


def _interval(gain: dict[str, float]) -> str:
    estimate, low, high = (100 * gain[key] for key in ("estimate", "low", "high"))
    return f"{estimate:+.1f} ({low:+.1f} to {high:+.1f})"


def _print_versions(versions: Sequence[Registered]) -> None:
    print_table(
        ("model", "version", "stage", "aliases", "registered", "bytes", "file", "decision"),
        [
            (
                version.name,
                version.version,
                version.stage,
                " ".join(version.aliases),
                f"{version.created:%Y-%m-%d %H:%M}",
                f"{version.size_bytes:,}",
                f"{version.file} {version.sha256[:12]}",
                version.metadata.get("decision_says", ""),
            )
            for version in versions
        ],
        nothing="No model is registered yet: see `jarvis models register --help`.",
    )
