"""Champion against challenger: who is judged, on what, and what follows from it.

Belongs here: the models and games of the registry and the store, shadow runs, decisions and their
records. Does not belong here: the rule and its statistics (``hockey/promotion``), the registry
(``services/experiment``), which model is loaded (``champions``), commands and assets.
"""

from typing import TYPE_CHECKING

from jarvis_dagster.services.lazily import lazily

if TYPE_CHECKING:
    from jarvis_dagster.promoting.arena import Arena, Contender, Games
    from jarvis_dagster.promoting.decisions import Decision
    from jarvis_dagster.promoting.promoter import Promoter

__all__ = ["Arena", "Contender", "Decision", "Games", "Promoter"]

__getattr__ = lazily(
    __name__,
    {
        "Arena": "arena",
        "Contender": "arena",
        "Decision": "decisions",
        "Games": "arena",
        "Promoter": "promoter",
    },
)
