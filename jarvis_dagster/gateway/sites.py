"""The pages of other programs behind the gateway, and which requests to them change something.

Belongs here: what there is, and telling reading from writing by method and path. Does not belong
here: who may do it (the policy), asking (``deciding``).

A request that is not known to read counts as one that writes.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

__all__ = ["SITES", "Need", "Site", "site_of"]

Need = Literal["read", "write"]


@dataclasses.dataclass(frozen=True)
class Site:
    """One program's pages.

    Attributes:
        name: The first part of its paths, of its ``upstreams`` setting and of its right.
        reads: Paths below its own that only read, whatever the method.
        quiet: Writes that are too many to note each of them.
        uploads: Whether it takes large files.
        stripped: Whether the program itself does not know its first part.
    """

    name: str
    title: str
    about: str
    reads: re.Pattern[str] = re.compile(r"(?!)")
    quiet: re.Pattern[str] = re.compile(r"(?!)")
    uploads: bool = False
    stripped: bool = True

    @property
    def resource(self) -> str:
        """What the policy calls it."""
        return f"page.{self.name}"

    def need(self, method: str, path: str) -> Need:
        """What a request needs; ``path`` is what follows the name of the site."""
        if method in ("GET", "HEAD") or (method == "POST" and self.reads.fullmatch(path)):
            return "read"
        return "write"

    def is_quiet(self, path: str) -> bool:
        """Whether an allowed write is not noted."""
        return self.quiet.fullmatch(path) is not None


SITES = (
    Site(
        "dagster",
        "Dagster",
        "Videos, lineage, runs, sensors and schedules",
        reads=re.compile(r"/graphql"),  # looked into by itself: see `graphql`
        stripped=False,
    ),
    Site(
        "mlflow",
        "MLflow",
        "Experiments and models",
        reads=re.compile(
            r"/(ajax-)?api/\d\.0/(mlflow|mlflow/traces)/"
            r"([a-z-]+/)?(search|search-[a-z-]+|batchGet|batch-get|get-history-bulk[a-z-]*)"
            r"|/graphql"
        ),
        quiet=re.compile(r"/(ajax-)?api/2\.0/mlflow/runs/log-(metric|batch|parameter)"),
        uploads=True,
    ),
    Site("temporal", "Temporal", "Workflows: running, waiting, done", stripped=False),
    Site(
        "grafana",
        "Grafana",
        "Dashboards",
        reads=re.compile(r"/api/(ds/query|frontend-metrics|search)"),
        stripped=False,
    ),
    Site(
        "prometheus",
        "Prometheus",
        "Metrics and alert rules",
        reads=re.compile(r"/api/v1/(query|query_range|query_exemplars|format_query|series|labels)"),
    ),
    Site("alertmanager", "Alertmanager", "Alerts and silences"),
)


def site_of(name: str) -> Site | None:
    """The site of that name."""
    return next((site for site in SITES if site.name == name), None)
