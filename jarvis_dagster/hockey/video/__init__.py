"""Video files in and out: what a file holds, its frames, and writing H.264.

Belongs here: everything that touches a media container or codec, on PyAV.
Does not belong here: what the pictures mean (``preflight``, ``detection``), or
drawing on them (``render``).
"""

from jarvis_dagster.hockey.video.pictures import save_jpeg, thumbnail
from jarvis_dagster.hockey.video.prefetch import ahead
from jarvis_dagster.hockey.video.probing import VideoInfo, probe
from jarvis_dagster.hockey.video.reading import Frame, read_frame, read_frames
from jarvis_dagster.hockey.video.writing import QUICK, VideoWriter, even_size, limited_size

__all__ = [
    "QUICK",
    "Frame",
    "VideoInfo",
    "VideoWriter",
    "ahead",
    "even_size",
    "limited_size",
    "probe",
    "read_frame",
    "read_frames",
    "save_jpeg",
    "thumbnail",
]
