"""The step between the supervisor and a program: `python -m jarvis_dagster.stack.launch PLAN`.

Belongs here: what must hold before a program runs (its ports are not held by what an earlier,
killed self left behind), and then becoming that program.
Does not belong here: deciding what is run; the plan says that.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from jarvis_dagster.stack.processes import MARKER, holders_of, stop_processes

__all__ = ["main"]


def main(argv: list[str]) -> None:
    """Free the plan's ports of our own leftovers, then become the plan's program."""
    plan = json.loads(Path(argv[0]).read_text("utf-8"))
    marked = plan["env"]
    left = holders_of(plan["ports"], marked[MARKER])
    if left:
        names = ", ".join(str(process.pid) for process in left)
        print(f"stopping what an earlier start left behind: {names}", flush=True)  # noqa: T201
        stop_processes(left, timeout_s=5)
    os.chdir(plan["cwd"])
    os.execve(plan["argv"][0], plan["argv"], {**os.environ, **marked})  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
