"""Programs of the stack for as long as a command needs them.

Belongs here: starting what is missing, and who stops it when several commands at once need it.
Does not belong here: how programs are started and stopped (`lifecycle`).
"""

from __future__ import annotations

import contextlib
import fcntl
from typing import TYPE_CHECKING

from jarvis_dagster.stack.layout import StackPaths
from jarvis_dagster.stack.lifecycle import ensure_up, stop
from jarvis_dagster.stack.status import stack_status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path
    from typing import IO

    from jarvis_dagster.stack.config import ProgramName, StackConfig

__all__ = ["borrowed", "keep_running"]


@contextlib.contextmanager
def borrowed(
    config: StackConfig,
    programs: Collection[ProgramName],
    *,
    keep: bool = False,
    on_start: Callable[[Collection[ProgramName]], None] | None = None,
) -> Iterator[None]:
    """Have `programs` answer within the block.

    What `jarvis up` started goes on afterwards, and so does all if `keep`. What was started for
    such blocks alone is stopped at the end of the last of them, in whichever process that is;
    a killed one leaves it to the next.

    Raises:
        See `ensure_up`.
    """
    paths = StackPaths(config.data_dir)
    paths.make()
    with (paths.run / "users").open("a") as users:
        # Shared by all users; the kernel drops it when its holder dies.
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            ready = {row.program for row in stack_status(config) if row.state == "ready"}
            missing = [name for name in programs if name not in ready]
            if missing:
                if on_start:
                    on_start(missing)
                _lent(paths).touch()
                ensure_up(config, missing)
            yield
        finally:
            if keep:
                keep_running(config)
            _give_back(config, programs, users)


def keep_running(config: StackConfig) -> None:
    """Let what runs go on until `jarvis down`."""
    _lent(StackPaths(config.data_dir)).unlink(missing_ok=True)


def _give_back(config: StackConfig, programs: Collection[ProgramName], users: IO[str]) -> None:
    lent = _lent(StackPaths(config.data_dir))
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # others still need them
    if lent.exists():
        others = any(row.pid for row in stack_status(config) if row.program not in programs)
        # All of it, the supervisor too, unless other programs go on.
        stop(config, list(programs) if others else None)
        lent.unlink(missing_ok=True)


def _lent(paths: StackPaths) -> Path:
    """The file that says that `borrowed` started what runs, and nobody else wants it."""
    return paths.run / "lent"
