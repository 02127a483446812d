"""A worker that stands still at each part of a video, until it is told to stop.

``python -m tests.workflows.held_worker FILE`` makes the file when it is at a part. Then it looks at
the part as any worker does that was told to stop meanwhile. SIGUSR1 has it say what it is at.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
from pathlib import Path
from typing import Any

from temporalio import activity

from jarvis_dagster.hockey.detection import segments
from jarvis_dagster.leaving import leave
from jarvis_dagster.workflows.worker import main

if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)
    look = segments.detect_segment

    def held(*args: Any, **how: Any) -> Any:
        Path(sys.argv[1]).touch()
        activity.wait_for_worker_shutdown_sync()
        return look(*args, **how)

    segments.detect_segment = held
    leave(main())
