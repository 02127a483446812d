"""The process in which a run's figures are made again.

Belongs here: seeds, the entry point, its figures. Started by ``reproduction.py`` with the code
and packages of then: ``python -m jarvis_dagster.services.experiment.rerun REQUEST ANSWER``.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]


def main(request_path: str, answer_path: str) -> None:
    """Follow the request (JSON), and write the figures (JSON)."""
    request: dict[str, Any] = json.loads(Path(request_path).read_text("utf-8"))
    _seed(request["seeds"])
    from jarvis_dagster.services.experiment.recipe import entry_point_of

    figures = entry_point_of(request["entry_point"])(**request["arguments"])
    numbers = {str(name): float(value) for name, value in dict(figures).items()}
    Path(answer_path).write_text(json.dumps(numbers), "utf-8")


def _seed(seeds: dict[str, int]) -> None:
    if "python" in seeds:
        random.seed(seeds["python"])
    if "numpy" in seeds:
        import numpy as np

        np.random.seed(seeds["numpy"])
    if "torch" in seeds:
        import torch

        torch.manual_seed(seeds["torch"])


if __name__ == "__main__":
    main(*sys.argv[1:])
