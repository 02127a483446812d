"""Two-way synchronisation of a drive's folder with another one."""

from jarvis_dagster.services.client_storage.sync.engine import sync
from jarvis_dagster.services.client_storage.sync.filters import Filter
from jarvis_dagster.services.client_storage.sync.model import (
    Action,
    Agreed,
    Node,
    Plan,
    Seen,
    Side,
    Tree,
)
from jarvis_dagster.services.client_storage.sync.options import SyncOptions
from jarvis_dagster.services.client_storage.sync.planner import plan
from jarvis_dagster.services.client_storage.sync.report import (
    Problem,
    Reason,
    Step,
    SyncReport,
)

__all__ = [
    "Action",
    "Agreed",
    "Filter",
    "Node",
    "Plan",
    "Problem",
    "Reason",
    "Seen",
    "Side",
    "Step",
    "SyncOptions",
    "SyncReport",
    "Tree",
    "plan",
    "sync",
]
