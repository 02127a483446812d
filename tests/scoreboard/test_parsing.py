"""What the texts of scoreboards mean."""

import pytest

from jarvis_dagster.hockey.scoreboard.parsing import clock_of, goals_of, names_a_team, period_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12:34", 754),
        ("1ST 10:38", 638),
        ("19:13 1/3", 1153),
        ("O:07", 7),
        ("20:00", 1200),
        ("018:00", 1080),
        ("108:27", 507),
        ("34.5", 34.5),
        ("20:01", None),
        ("12:75", None),
        ("2:1", None),
        ("PHI 1", None),
        ("", None),
    ],
)
def test_clocks(text, seconds):
    assert clock_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("1ST", 1),
        ("2nd", 2),
        ("3rd 04:12", 3),
        ("1sT 10:39", 1),
        ("19:13 2/3", 2),
        ("P3", 3),
        ("2. DRITTEL", 2),
        ("OT", 4),
        ("SO", 4),
        ("BOSTON", None),
        ("4", None),
        ("12:34", None),
    ],
)
def test_periods(text, period):
    assert period_of(text) == period


@pytest.mark.parametrize(
    ("text", "goals"),
    [
        ("3", 3),
        ("O", 0),
        ("l", 1),
        ("PHI 2", 2),
        ("BUF1", 1),
        ("4 HCAP", 4),
        ("10", 10),
        ("88", None),
        ("1ST", None),
        ("12:34", None),
        ("MSG+", None),
        ("2 0", None),
    ],
)
def test_goals(text, goals):
    assert goals_of(text) == goals


def test_names():
    assert names_a_team("ICE BEARS") == "ICE BEARS"
    assert names_a_team("PHI 1") == "PHI"
    assert names_a_team("2ND") == ""
    assert names_a_team("7") == ""
