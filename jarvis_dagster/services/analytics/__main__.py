"""``python -m jarvis_dagster.services.analytics``: the metrics endpoint as a process."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.services.analytics.config import AnalyticsConfig
from jarvis_dagster.services.analytics.endpoint import serve_metrics

__all__: list[str] = []


def main() -> int:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="Serve the metrics of all processes.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9108)
    parser.add_argument("--directory", type=Path, default=Path(), help="folder of the metrics")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with serve_metrics(
            AnalyticsConfig(directory=arguments.directory), arguments.host, arguments.port
        ):
            stop.wait()
    except JarvisError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
