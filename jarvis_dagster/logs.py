"""Log messages of Jarvis' own processes, on their standard error.

Belongs here: their form, and from which level on they are written. Does not belong here: Dagster's
runs, which have logs of their own (``dagster.yaml``); files and their rotation (the supervisor).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jarvis_dagster.settings import Settings

__all__ = ["write_logs"]


def write_logs(settings: Settings) -> None:
    """Write what Jarvis says from ``log_level`` on, and what libraries warn of."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for name in ("jarvis_dagster", "__main__"):  # as a module that is run calls itself
        logging.getLogger(name).setLevel(settings.log_level)
