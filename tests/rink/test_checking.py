"""Whether a calibration that was given fits, the pictures of it, and the cameras' files."""

from pathlib import Path

import numpy as np

from jarvis_dagster.hockey.rink import Calibration
from jarvis_dagster.hockey.rink.cameras import camera_for
from jarvis_dagster.hockey.rink.checking import fit_of, verdict
from jarvis_dagster.hockey.rink.following import KeyFrame
from jarvis_dagster.hockey.rink.overlay import contact_sheet, draw_lines, frames_to_show
from jarvis_dagster.hockey.rink.residuals import inverse
from tests.rink import views

POSE = views.looking_at(100, 36, 110.0)


def fixed(pose=POSE):
    return Calibration("NHL", views.SIZE, homography=inverse(pose, views.SIZE), error_ft=0.5)


def checks_of(shown):
    evidence = views.seen_by(shown)
    found = [fit_of(KeyFrame(frame, evidence), fixed()) for frame in range(6)]
    return [fit for fit in found if fit is not None]


def test_a_calibration_that_is_right_fits():
    facts = verdict(checks_of(POSE))
    assert facts["fits"]
    assert not facts["contradicted"]
    assert "6 of 6" in facts["said"]


def test_a_camera_that_was_turned_contradicts_its_calibration():
    facts = verdict(checks_of(views.looking_at(112, 33, 100.0)))
    assert not facts["fits"]
    assert facts["contradicted"]
    assert "moved" in facts["said"]


def test_without_lines_nothing_contradicts():
    facts = verdict([])
    assert facts["fits"]
    assert not facts["contradicted"]
    assert facts["explained"] is None


def test_lines_are_drawn_where_the_rink_has_them():
    picture = draw_lines(np.zeros((288, 512, 3), np.uint8), fixed(), 0)
    red = views.ice_to_image(POSE, views.SIZE) @ np.array([100.0, 60.0, 1.0])
    x, y = (red[:2] / red[2]).round().astype(int)
    assert picture[y - 1 : y + 2, x - 2 : x + 3, 2].max() > 150
    assert picture[y - 1 : y + 2, x + 12 : x + 20].max() == 0


def test_a_frame_without_a_calibration_shows_no_lines():
    held = Calibration(
        "NHL", views.SIZE, homography=inverse(POSE, views.SIZE), valid_frames=((10, 20),)
    )
    picture = draw_lines(np.zeros((288, 512, 3), np.uint8), held, 3)
    assert picture[:220].max() == 0
    shown = frames_to_show(held, 40)
    assert shown
    assert all(10 <= frame <= 20 for frame in shown)


def test_a_contact_sheet_holds_all_pictures():
    pictures = [np.full((90, 160, 3), grey, np.uint8) for grey in (50, 100, 150)]
    sheet = contact_sheet(pictures, width_px=80)
    assert sheet.shape == (90, 160, 3)
    assert {int(v) for v in np.unique(sheet)} == {0, 50, 100, 150}


def test_a_stored_camera_is_found_by_the_name_of_the_video():
    cameras = {"north-*.mp4": Path("north.json"), "north-high-*": Path("high.json")}
    assert camera_for("North-2.MP4", cameras) == ("north-*.mp4", Path("north.json"))
    assert camera_for("north-high-2.mp4", cameras) == ("north-high-*", Path("high.json"))
    assert camera_for("south.mp4", cameras) is None
