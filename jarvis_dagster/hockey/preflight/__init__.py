"""Before any analysis: what this footage is, and what it can support.

Belongs here: one cheap pass over the video (``scan_video``) and a judgement in
plain words (``preflight``). Does not belong here: detection, tracking, or any
number about the game.
"""

from jarvis_dagster.hockey.preflight.plot import plot_preflight
from jarvis_dagster.hockey.preflight.report import STATISTICS, preflight
from jarvis_dagster.hockey.preflight.scanning import ICE_SHARE, scan_video

__all__ = ["ICE_SHARE", "STATISTICS", "plot_preflight", "preflight", "scan_video"]
