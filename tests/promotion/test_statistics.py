"""The rule promotes equal models no more often than agreed, and finds real gains: simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.promotion.bootstrap import mean_interval, sign_flip
from jarvis_dagster.hockey.promotion.figures import VideoFigures
from jarvis_dagster.hockey.promotion.rule import Rule, decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

NOMINAL = 0.025
TRIALS = 500
RESAMPLES = 1000


def normal(rng: np.random.Generator, videos: int) -> NDArray[np.float64]:
    return rng.normal(0, 0.03, videos)


def heavy(rng: np.random.Generator, videos: int) -> NDArray[np.float64]:
    return 0.02 * rng.standard_t(2, videos)


def rare(rng: np.random.Generator, videos: int) -> NDArray[np.float64]:
    """Most videos are as they were; a few change by steps."""
    return rng.choice([-0.1, 0.0, 0.0, 0.0, 0.1], videos)


def uneven(rng: np.random.Generator, videos: int) -> NDArray[np.float64]:
    """Both models have skewed luck; their difference has not."""
    return 0.03 * (rng.exponential(1, videos) - rng.exponential(1, videos))


def promotions(draw: Draw, videos: int, gain: float = 0.0) -> float:
    """How often both the interval and the test speak for the challenger."""
    rng = np.random.default_rng(videos)
    count = 0
    for _ in range(TRIALS):
        differences = draw(rng, videos) + gain
        sure = mean_interval(differences, resamples=RESAMPLES).low > 0
        count += sure and sign_flip(differences) <= NOMINAL
    return count / TRIALS


@pytest.mark.parametrize("videos", [6, 12])
@pytest.mark.parametrize("draw", [normal, heavy, rare, uneven])
def test_equal_models_are_promoted_at_most_as_often_as_agreed(draw: Draw, videos: int) -> None:
    # Three standard errors of what 500 trials can tell.
    slack = 3 * np.sqrt(NOMINAL * (1 - NOMINAL) / TRIALS)
    assert promotions(draw, videos) <= NOMINAL + slack


@pytest.mark.parametrize(("videos", "least"), [(6, 0.55), (12, 0.95)])
def test_a_real_gain_is_found(videos: int, least: float) -> None:
    assert promotions(normal, videos, gain=0.05) >= least


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    for videos in (6, 10):
        covered = 0
        for _ in range(TRIALS):
            got = mean_interval(normal(rng, videos) + 0.01, resamples=RESAMPLES)
            covered += got.low <= 0.01 <= got.high
        assert 0.92 <= covered / TRIALS <= 0.99


def test_few_videos_are_wide_and_many_frames_do_not_help() -> None:
    rng = np.random.default_rng(1)
    few, many = (mean_interval(rng.normal(0.02, 0.03, n)) for n in (6, 60))
    assert few.high - few.low > 2.5 * (many.high - many.low)


def test_the_sign_flip_is_exact_for_few_videos() -> None:
    assert sign_flip(np.array([1.0, 2.0, 3.0])) == 1 / 8
    assert sign_flip(np.zeros(6)) == 1.0
    assert sign_flip(np.full(20, 0.1)) == pytest.approx(1 / 20_001, abs=2e-4)


# -- the rule ----------------------------------------------------------------------


def game(
    video: str, ap50: float | None, keeper: tuple[int, int, int] = (18, 1, 2), pictures: int = 20
) -> VideoFigures:
    figures = dict.fromkeys(("ap50_95", "recall", "precision", "role_macro_f1"), 0.5)
    roles = {"player": (180, 10, 20), "goalkeeper": keeper, "referee": (50, 5, 5)}
    return VideoFigures(video, pictures, {"ap50": ap50, "goalkeeper_recall": 0.9, **figures}, roles)


BEFORE = [game(f"v{n}", 0.70 + 0.01 * n) for n in range(8)]
BETTER = [game(f"v{n}", 0.74 + 0.011 * n) for n in range(8)]


def test_a_sure_gain_without_a_loss_is_promoted() -> None:
    verdict = decide(BEFORE, BETTER, Rule())
    assert verdict.promoted
    (reason,) = verdict.reasons
    assert "rises by +4.4 points on 8 videos" in reason
    assert verdict.figures[0].gain.low > 0
    assert {role.role for role in verdict.roles} == {"player", "goalkeeper", "referee"}
    assert decide(BEFORE, BETTER, Rule()) == verdict


@pytest.mark.parametrize(
    ("challenger", "reason"),
    [
        (BEFORE, "there is no difference"),
        ([game(f"v{n}", 0.70 + 0.03 * (n % 3)) for n in range(8)], "is not sure"),
        ([game(f"v{n}", 0.60) for n in range(8)], "is not sure"),
        (
            [game(f"v{n}", 0.78, (12, 1, 8)) for n in range(8)],
            "F1 of goalkeepers falls by more than 5.0 points",
        ),
        (
            [game(f"v{n}", 0.78, (20, 1, 0) if n else (2, 1, 18)) for n in range(8)],
            "F1 of goalkeepers may fall by more than 5.0 points",
        ),
    ],
)
def test_anything_else_is_not_and_says_why(challenger: list[VideoFigures], reason: str) -> None:
    verdict = decide(BEFORE, challenger, Rule())
    assert not verdict.promoted
    assert any(reason in text for text in verdict.reasons), verdict.reasons


def test_few_videos_are_never_enough() -> None:
    verdict = decide(BEFORE[:5], BETTER[:5], Rule())
    assert not verdict.promoted
    assert "Only 5 videos" in verdict.reasons[0]
    unknown = [game(f"v{n}", None if n > 3 else 0.9) for n in range(8)]
    assert "Only 4 videos" in decide(BEFORE, unknown, Rule()).reasons[0]
    assert not decide(BEFORE[:1], BETTER[:1], Rule(min_videos=1)).promoted


def test_a_role_in_one_video_alone_cannot_be_judged() -> None:
    def lone(games: list[VideoFigures]) -> list[VideoFigures]:
        return [
            game(g.video, g.figures["ap50"], (18, 1, 2) if n == 0 else (0, 0, 0))
            for n, g in enumerate(games)
        ]

    verdict = decide(lone(BEFORE), lone(BETTER), Rule())
    assert verdict.reasons == (
        "Only one video shows a goalkeeper, so it cannot be told whether that role loses.",
    )
    nobody = [game(g.video, g.figures["ap50"], (0, 0, 0)) for g in BETTER]
    assert decide(
        [game(g.video, g.figures["ap50"], (0, 0, 0)) for g in BEFORE], nobody, Rule()
    ).promoted


def test_other_games_cannot_be_compared() -> None:
    with pytest.raises(BadInputError, match="same games"):
        decide(BEFORE, BETTER[:7], Rule())
    with pytest.raises(BadInputError, match="same games"):
        decide(BEFORE, [game("v0", 0.9, pictures=19), *BETTER[1:]], Rule())
    with pytest.raises(BadInputError, match="not a figure"):
        decide(BEFORE, BETTER, Rule(figure="beauty"))
