"""Findings: what is special about the footage, and what it means for a coach.

Belongs here: the words. Does not belong here: the measuring (``measures``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["Finding", "findings"]

Finding = dict[str, Any]
"""``code, severity`` (``info | warning | serious``)``, title, text, value, unit``."""

_Measured = tuple[float, str]
_SEVERITIES = ("serious", "warning", "info")


def findings(info: VideoInfo, measures: dict[str, Any]) -> list[Finding]:
    """Everything worth telling, the most serious first."""
    found = [*_file(info), *_timing(info, measures), *_picture(info, measures), *_camera(measures)]
    return sorted(found, key=lambda finding: _SEVERITIES.index(finding["severity"]))


def _finding(code: str, severity: str, title: str, text: str, measured: _Measured) -> Finding:
    value, unit = measured
    return {
        "code": code,
        "severity": severity,
        "title": title,
        "text": text,
        "value": round(float(value), 4),
        "unit": unit,
    }


def _file(info: VideoInfo) -> Iterator[Finding]:
    if info.frames_lost:
        share = info.frames_lost / (info.frame_count + info.frames_lost)
        yield _finding(
            "damaged_file",
            "serious" if share > 0.05 else "warning",
            "The file is damaged or was cut off",
            f"{info.frames_lost} frames ({share:.0%}) that the file announces are not in it. What"
            f" is there, {info.duration_s:.1f} s, is analysed; upload it again to get the rest.",
            (info.frames_lost, "frames"),
        )
    elif info.notes:
        yield _finding(
            "wrong_header",
            "info",
            "The file contradicts itself",
            " ".join(info.notes) + " The frames themselves are used, not the header.",
            (info.duration_s, "s"),
        )
    if info.interlaced:
        yield _finding(
            "interlaced",
            "info",
            "Interlaced recording",
            "Each frame holds two half pictures; they are merged before the analysis, which costs"
            " some sharpness on fast movements.",
            (1, ""),
        )


def _timing(info: VideoInfo, measures: dict[str, Any]) -> Iterator[Finding]:
    if info.variable_rate:
        yield _finding(
            "variable_frame_rate",
            "info",
            "Variable frame rate",
            f"The time between frames varies ({measures['rate_min_fps']:.1f} to"
            f" {measures['rate_max_fps']:.1f} frames/s; {info.fps:.2f} on average). Every time in"
            " the results is the frame's own; in other tools the picture may drift from the sound.",
            (info.fps, "frames/s"),
        )
    if measures["dropped_frames"]:
        share = measures["dropped_frames"] / (info.frame_count + measures["dropped_frames"])
        yield _finding(
            "dropped_frames",
            "warning" if share > 0.01 or measures["longest_gap_s"] > 0.5 else "info",
            "Missing frames",
            f"{measures['dropped_frames']} frames are missing in {measures['gap_count']} places"
            f" (the longest gap is {measures['longest_gap_s']:.2f} s). Players may change identity"
            " across a gap, and speeds there are less sure.",
            (measures["dropped_frames"], "frames"),
        )
    if measures["repeated_share"] > 0.02:
        real = info.fps * (1 - measures["repeated_share"])
        yield _finding(
            "repeated_frames",
            "warning" if measures["repeated_share"] > 0.1 else "info",
            "Repeated frames",
            f"{measures['repeated_share']:.0%} of the frames repeat the one before: really about"
            f" {real:.0f} pictures a second. Speeds between single frames mean nothing there.",
            (measures["repeated_share"], "share"),
        )
    if measures["frozen_s"] > 0.5:
        yield _finding(
            "frozen_picture",
            "warning",
            "The picture freezes",
            f"It stands still for up to {measures['frozen_s']:.1f} s. Nothing can be measured"
            " while it does; time in view goes on counting.",
            (measures["frozen_s"], "s"),
        )
    if info.fps < 20:
        yield _finding(
            "low_frame_rate",
            "warning",
            "Low frame rate",
            f"{info.fps:.1f} frames a second: a fast skater moves half a metre or more between"
            " two of them, so identities and speeds suffer.",
            (info.fps, "frames/s"),
        )


def _picture(info: VideoInfo, measures: dict[str, Any]) -> Iterator[Finding]:
    short_side = min(info.width_px, info.height_px)
    if short_side < 480:
        yield _finding(
            "low_resolution",
            "serious" if short_side < 240 else "warning",
            "Low resolution",
            f"{info.width_px} x {info.height_px} pixels: in a wide view a player is about"
            f" {max(1, round(short_side * 0.09))} pixels tall. Far players are missed, numbers"
            " cannot be read and the puck cannot be seen.",
            (short_side, "px"),
        )
    if measures["blurred_share"] > 0.1:
        yield _finding(
            "blur",
            "serious" if measures["blurred_share"] > 0.5 else "warning",
            "Blurred picture",
            f"{measures['blurred_share']:.0%} of the frames are blurred. Fewer players are found"
            " in them. Check focus, glass and shutter speed (1/500 s or faster).",
            (measures["blurred_share"], "share"),
        )
    for code, title, advice in (
        ("dark", "Dark picture", "Raise exposure compensation (+1 to +2) for a rink."),
        ("blown", "Overexposed picture", "Lower the exposure until lines on the ice show."),
    ):
        share = measures[f"{code}_share"]
        if share > 0.05:
            yield _finding(
                f"{code}_frames",
                "serious" if share > 0.5 else "warning",
                title,
                f"{share:.0%} of the frames are {'too dark' if code == 'dark' else 'washed out'}:"
                f" kit colours cannot be told there. {advice}",
                (share, "share"),
            )
    if measures["flash_count"]:
        yield _finding(
            "flashes",
            "info",
            "Flashes",
            f"{measures['flash_count']} flashes of light (photographers or goal lights). They are"
            " not taken for camera cuts; players in those frames are filled in.",
            (measures["flash_count"], "flashes"),
        )


def _camera(measures: dict[str, Any]) -> Iterator[Finding]:
    if measures["cut_count"]:
        yield _finding(
            "camera_cuts",
            "info" if measures["median_shot_s"] > 8 else "warning",
            "Camera cuts",
            f"{measures['cut_count']} camera cuts; a shot lasts {measures['median_shot_s']:.1f} s"
            " (median). No player keeps an identity across a cut, so times in view are per shot.",
            (measures["cut_count"], "cuts"),
        )
    if measures["rink_share"] < 0.95:
        missing = measures["rink_share"] < 0.3
        yield _finding(
            "rink_share",
            "serious" if missing else "warning" if measures["rink_share"] < 0.7 else "info",
            "Hardly any rink" if missing else "Not always the rink",
            f"{measures['rink_share']:.0%} of the frames show a rink."
            + (" Is this hockey footage?" if missing else " The rest counts for no statistic."),
            (measures["rink_share"], "share"),
        )
    if measures["motion_known_share"] < 0.9:
        yield _finding(
            "camera_motion_unknown",
            "warning",
            "Camera movement unclear",
            f"For {1 - measures['motion_known_share']:.0%} of the frames it cannot be told how the"
            " camera moved (blur, too little texture). Tracks break more often there.",
            (1 - measures["motion_known_share"], "share"),
        )
