"""The command line: ``jarvis --help``.

Belongs here: which commands there are, in which group of the help, and exit codes. Does not
belong here: their options, and what a command does (``commands/``). An error is one line with a
remedy; ``-v`` shows where it happened.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

from jarvis_dagster.commands.account import account_app, audit_app, token_app
from jarvis_dagster.commands.alerts import alerts_app
from jarvis_dagster.commands.approvals import approvals_app
from jarvis_dagster.commands.autopilot import autopilot_app
from jarvis_dagster.commands.backup import backup_app
from jarvis_dagster.commands.dashboards import dashboards_app
from jarvis_dagster.commands.dataset import dataset_app
from jarvis_dagster.commands.drive import drive_app
from jarvis_dagster.commands.experiment import experiment_app
from jarvis_dagster.commands.gateway import gateway_app
from jarvis_dagster.commands.machine import machine_app
from jarvis_dagster.commands.models import models_app
from jarvis_dagster.commands.notify import notify_app
from jarvis_dagster.commands.printing import AsJson, terminal
from jarvis_dagster.commands.report import report_app
from jarvis_dagster.commands.review import review_app
from jarvis_dagster.commands.storage import storage_app
from jarvis_dagster.commands.toolchain import toolchain_app
from jarvis_dagster.commands.vision import vision_app
from jarvis_dagster.commands.workflow import workflow_app
from jarvis_dagster.disk import is_full_disk
from jarvis_dagster.errors import BadInputError, JarvisError, PermanentError
from jarvis_dagster.leaving import finish

__all__ = ["app", "command", "main"]

FAILED, BAD_INPUT = 1, 2

_LIBRARY = re.compile(r"(lib\S+\.so[.\d]*): cannot open shared object file")

app = typer.Typer(
    help="From a hockey video in a drive to tracks, events, highlights and a report.",
    epilog="Exit codes: 0 done; 1 it failed, or something is not as it should be; 2 the input or"
    " the options are wrong. Commands that decide have more, which their help names.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="See the settings.", no_args_is_help=True)

_GROUPS = {
    "For a coach": ("run", "ask", "register", "drive", "calibrate", "review", "report"),
    "For an operator": (
        *("up", "down", "status", "logs", "health", "config", "worker"),
        *("storage", "backup", "alerts", "dashboards", "notify"),
    ),
    "Who may do what": ("gateway", "account", "token", "audit", "approvals"),
    "For an ML engineer": (
        *("detect", "track", "evaluate", "train", "dataset", "toolchain", "models", "experiment"),
    ),
    "Work that goes on by itself": ("workflow", "autopilot"),
}
"""Where the help lists each command, by who looks for it."""

_verbose = False


@app.callback()
def _options(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show where an error happened.")
    ] = False,
) -> None:
    global _verbose  # noqa: PLW0603
    _verbose = verbose


@app.command()
def run(
    video: Annotated[Path | None, typer.Argument(help="The video to analyse.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Analyse a rendered game.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Copy the results to this folder too.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", envvar="KEEP", help="Leave started servers running.")
    ] = False,
) -> None:
    """Analyse a video, from the drive's Uploads folder to its Results folder."""
    from jarvis_dagster.commands.run import run_video
    from jarvis_dagster.settings import load_settings

    if (video is None) != sample:
        raise BadInputError("Name one video, or --sample.", "See `jarvis run --help`.")
    console = terminal()
    done = run_video(load_settings(), video, console, output=output, keep=keep)
    console.print(f"\nDone in {done.seconds:.0f} s. Open:")
    for name in ("report.html", "annotated.mp4"):
        console.print(f"  {done.folder / name}", soft_wrap=True, highlight=False)
    console.print(f"\nAll {len(done.files)} files are in {done.folder}", soft_wrap=True)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help='As in "longest shifts in the 2nd".')],
    game: Annotated[
        str,
        typer.Argument(help="The video's name, a folder of Results, or a report.json."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Ask about an analysed game in plain words; the answer names what it rests on.

    Without a game it is about the only one there is.
    """
    from jarvis_dagster.commands.ask import ask as answer

    answer(question, game, terminal(), as_json=as_json)


@app.command()
def register(
    video: Annotated[Path, typer.Argument(help="The video to upload.")],
) -> None:
    """Upload a video and add its partition, without analysing it; prints the partition."""
    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.commands.upload import register_video
    from jarvis_dagster.settings import load_settings

    with Display(terminal(stderr=True)) as display:
        key = register_video(load_settings(), video, display)
    typer.echo(key)


@config_app.command("show")
def config_show(as_json: AsJson = False) -> None:
    """The settings in force; secrets are hidden."""
    from jarvis_dagster.commands.config import show_config
    from jarvis_dagster.settings import load_settings

    show_config(load_settings(), as_json=as_json)


def _add_commands() -> None:
    """Add the commands of all modules, each to its group of the help."""
    for part in (machine_app, vision_app):
        app.registered_commands += part.registered_commands
        app.registered_groups += part.registered_groups
    for name, one in {
        "config": config_app,
        "drive": drive_app,
        "dataset": dataset_app,
        "toolchain": toolchain_app,
        "storage": storage_app,
        "autopilot": autopilot_app,
        "backup": backup_app,
        "notify": notify_app,
        "account": account_app,
        "token": token_app,
        "audit": audit_app,
        "report": report_app,
        "gateway": gateway_app,
        "alerts": alerts_app,
        "dashboards": dashboards_app,
        "review": review_app,
        "models": models_app,
        "experiment": experiment_app,
        "approvals": approvals_app,
        "workflow": workflow_app,
    }.items():
        app.add_typer(one, name=name)
    group_of = {name: group for group, names in _GROUPS.items() for name in names}
    for command in app.registered_commands:
        title = str(command.name or getattr(command.callback, "__name__", ""))
        command.rich_help_panel = group_of[title]
    for group in app.registered_groups:
        group.rich_help_panel = group_of[str(group.name)]


_add_commands()


def command() -> None:
    """What ``jarvis`` runs: ``main``, and the end of the process with its exit code."""
    try:
        main()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            raise
        finish(ended.code or 0)
    finish(0)


def main() -> None:
    """Run the command; errors of Jarvis become one line and an exit code."""
    try:
        app()
    except JarvisError as error:
        _complain(error)
        sys.exit(BAD_INPUT if isinstance(error, BadInputError) else FAILED)
    except Exception as error:
        said = _of_the_machine(error)
        if said is None:
            raise
        _complain(said)
        sys.exit(FAILED)


def _of_the_machine(error: Exception) -> JarvisError | None:
    """What the disk refused or the system lacks, in words; None for any other error."""
    where = getattr(error, "filename", None)
    if is_full_disk(error):
        return PermanentError(
            f"No space is left on the disk{f' of {where}' if where else ''}.",
            "Free some space, then try again; nothing that was delivered is lost.",
        )
    if isinstance(error, ImportError) and (library := _LIBRARY.match(str(error))):
        return PermanentError(
            f"The system's library {library[1]} is missing.",
            "Install it; on Debian and Ubuntu what OpenCV needs is in libgl1, libglib2.0-0 and"
            " libxcb1.",
        )
    if isinstance(error, OSError) and where:
        return PermanentError(
            f"{where} cannot be used ({error.strerror}).",
            "Check that it is there and its permissions; JARVIS_DATA_DIR names another folder for"
            " all that Jarvis keeps, and -v shows what was done with it.",
        )
    return None


def _complain(error: JarvisError) -> None:
    console = terminal(stderr=True)
    if _verbose:
        console.print_exception()
    from rich.text import Text

    console.print(Text.assemble(("Error: ", "bold red"), str(error)), soft_wrap=True)


if __name__ == "__main__":
    command()
