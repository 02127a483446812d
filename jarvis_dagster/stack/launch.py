"""The step between the supervisor and a program: `python -m jarvis_dagster.stack.launch PLAN`.

Belongs here: what must hold before a program runs (nothing that an earlier, killed self left
behind holds its ports, or still does runs that nobody knows of), and then becoming that program.
Does not belong here: deciding what is run; the plan says that.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from jarvis_dagster.stack.processes import (
    MARKER,
    MARKER_PROGRAM,
    holders_of,
    marked_processes,
    stop_processes,
)

__all__ = ["main"]


def main(argv: list[str]) -> None:
    """Free the plan's ports of our own leftovers, then become the plan's program."""
    plan = json.loads(Path(argv[0]).read_text("utf-8"))
    marked = plan["env"]
    left = holders_of(plan["ports"], marked[MARKER])
    if plan["owns_runs"]:
        mine = marked_processes(marked[MARKER]).items()
        left += [process for process, name in mine if name == marked[MARKER_PROGRAM]]
    if left:
        names = ", ".join(str(process.pid) for process in left)
        print(f"stopping what an earlier start left behind: {names}", flush=True)  # noqa: T201
        stop_processes(left, timeout_s=5)
    if plan["owns_runs"]:
        _give_up_runs(Path(marked["DAGSTER_HOME"]), plan["ports"])
    os.chdir(plan["cwd"])
    os.execve(plan["argv"][0], plan["argv"], {**os.environ, **marked})  # noqa: S606


def _give_up_runs(home: Path, ports: list[int]) -> None:
    if not (home / "history").is_dir():
        return  # no run was ever recorded; importing Dagster to learn that takes a second
    from jarvis_dagster.stack.runs import give_up_runs

    given_up = give_up_runs(home, ports)
    if given_up:
        print(f"given up, to be tried again: runs {', '.join(given_up)}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
