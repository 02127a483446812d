"""``python -m jarvis_dagster.monitoring``: watch and serve until somebody ends it."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.monitoring.pages import serve


def main() -> int:
    """Serve until SIGTERM or Ctrl-C."""
    from jarvis_dagster.logs import write_logs
    from jarvis_dagster.settings import load_settings

    parser = argparse.ArgumentParser(description="Serve metrics and health.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9464)
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = load_settings()
        write_logs(settings)
        with serve(settings, arguments.host, arguments.port):
            stop.wait()
    except JarvisError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
