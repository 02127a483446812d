"""Metrics of a run, logged by the experiment service and by MLflow's own fluent calls.

    python benchmarks/experiments.py [--points 1000] [--rounds 3]

Both log the same losses, a call a step, to the same server in turn; a tracking server on SQLite
is started for it. The time is that of the training thread, from the first call until everything
is on the server. The ratio is the median over the rounds of MLflow's time / ours.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from jarvis_dagster.services.experiment import ExperimentConfig, JarvisExperimentService


def ours(service: JarvisExperimentService, points: int) -> float:
    """Seconds of the experiment service."""
    with service.run("benchmark") as log:
        began = time.perf_counter()
        for step in range(points):
            log.metrics({"loss": 1 / (step + 1)}, step=step)
        log.flush()
        seconds = time.perf_counter() - began
    if len(service.curve(log.run_id, "loss")) != points:
        raise AssertionError("points were lost")
    return seconds


def fluent(points: int) -> float:
    """Seconds of ``mlflow.log_metric``."""
    import mlflow

    mlflow.set_experiment("benchmark")
    with mlflow.start_run():
        began = time.perf_counter()
        for step in range(points):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        return time.perf_counter() - began


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    import mlflow

    from tests.servers import run_mlflow

    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        server = run_mlflow(Path(scratch) / "mlflow")
        try:
            service = JarvisExperimentService(ExperimentConfig(tracking_uri=server.url))
            mlflow.set_tracking_uri(server.url)
            pairs = [
                (ours(service, options.points), fluent(options.points))
                for _ in range(options.rounds)
            ]
        finally:
            server.stop()
    table = Table("points", "experiment service", "mlflow.log_metric", "ratio")
    mine, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(other / own for own, other in pairs)
    table.add_row(
        f"{options.points:,}", f"{1000 * mine:.0f} ms", f"{1000 * theirs:.0f} ms", f"{ratio:.0f}"
    )
    Console().print(table)


if __name__ == "__main__":
    main()
