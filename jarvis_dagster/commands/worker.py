"""``jarvis worker``: serve workflows on this machine, as one process or as many as it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["work"]


def work(kinds: Sequence[str], metrics: str | None) -> None:
    """Serve until SIGTERM or Ctrl-C; never returns."""
    from jarvis_dagster.workflows.registry import SERVED
    from jarvis_dagster.workflows.worker import leave, main

    for kind in kinds:
        if kind not in SERVED:
            raise BadInputError(f"There is no kind of work {kind!r}.", f"Use {', '.join(SERVED)}.")
    leave(main(tuple(kinds) or SERVED, metrics))
