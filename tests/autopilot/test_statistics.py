"""What the figures say, and that luck is not taken for a fall."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jarvis_dagster.hockey.adaptation import (
    Evidence,
    Parameters,
    Reviewed,
    measure,
    reference_of,
)
from jarvis_dagster.hockey.adaptation.drift import drift_of
from jarvis_dagster.hockey.adaptation.evidence import SCORE_EDGES
from jarvis_dagster.hockey.adaptation.looks import MEASURES
from jarvis_dagster.hockey.adaptation.reference import Usual
from jarvis_dagster.hockey.adaptation.sequential import fallen
from jarvis_dagster.hockey.adaptation.shadow import gain_of, judge, split_videos
from tests.autopilot.videos import season, video

USUAL = 6


def test_usual_videos_perform_well_and_worse_ones_do_not() -> None:
    rng = np.random.default_rng(1)
    reference = reference_of(season(rng, USUAL))
    usual = [measure(one, reference).value for one in season(rng, 20)]
    dark = [
        measure(one, reference).value
        for one in season(rng, 20, stops=-2.5, found=0.65, shy=0.12, loose=2.0)
    ]
    assert min(v for v in usual if v is not None) > 0.8
    assert max(v for v in dark if v is not None) < 0.7


def test_a_part_without_evidence_is_named_and_not_guessed() -> None:
    rng = np.random.default_rng(2)
    reference = reference_of(season(rng, USUAL))
    bare = dataclasses.replace(video(rng), tracks=None, broken_rules=None, look=None)
    found = measure(bare, reference)
    assert found.value is None  # detection alone is too little
    assert set(found.lacks) == {"agreement", "tracks", "rules", "image"}
    said = dataclasses.replace(bare, reviewed=(Reviewed("labels", 200, 120.0),))
    assert measure(said, reference).value == pytest.approx(0.78, abs=0.06)
    few = dataclasses.replace(bare, reviewed=(Reviewed("labels", 12, 3.0),))
    assert "agreement" in measure(few, reference).lacks
    assert measure(video(rng), None).value is None


def test_one_broken_rule_more_is_no_failure_of_a_short_video() -> None:
    rng = np.random.default_rng(5)

    def short(rules: int) -> Evidence:
        return dataclasses.replace(video(rng), minutes=1 / 30, broken_rules={"six_a_side": rules})

    reference = reference_of([short(0) for _ in range(USUAL)])

    def rules(one: Evidence) -> float:
        return next(
            part.value or 0.0 for part in measure(one, reference).parts if part.name == "rules"
        )

    assert [rules(short(broken)) for broken in (0, 1, 9)] == [1.0, 0.5, 0.1]
    long = dataclasses.replace(short(0), minutes=60.0, broken_rules={"six_a_side": 540})
    assert rules(long) == 0.1


def test_adapted_videos_are_held_against_the_light_that_was_adapted_to() -> None:
    rng = np.random.default_rng(10)
    reference = reference_of(season(rng, USUAL))
    dark = [one.raw_look for one in season(rng, 6, stops=-2.5)]
    fitted = {
        name: Usual(tuple(look.measures[name] for look in dark if look is not None))
        for name in MEASURES
    }
    bright = Parameters(gain=3.0)
    seen = season(rng, 10, stops=-2.5, parameters=bright)  # everybody is found again
    alone = [measure(one, reference).value or 0.0 for one in seen]
    right = [measure(one, reference, fitted).value or 0.0 for one in seen]
    assert max(alone) < min(right)
    assert min(right) > 0.85
    mended = video(rng, parameters=bright)  # the lamps burn again
    image = measure(mended, reference, fitted).parts[-1]
    assert image.value is not None
    assert image.value < 0.3
    assert "brightness +2" in image.says


def test_a_bolder_or_shyer_detector_is_compared_by_what_both_would_find() -> None:
    rng = np.random.default_rng(11)
    reference = reference_of(season(rng, USUAL))
    first = int(np.searchsorted(SCORE_EDGES, 0.5))
    for one in season(rng, 10):
        kept = sum(one.scores[first:]) / sum(one.scores)
        shy = dataclasses.replace(
            one,
            parameters=Parameters(score_threshold=0.5),
            scores=(*[0] * first, *one.scores[first:]),
            people_per_look=(one.people_per_look or 0) * kept,
        )
        usual, found = (measure(each, reference) for each in (one, shy))
        assert found.value == pytest.approx(usual.value, abs=0.03)
        assert "both from a score of 0.50 on" in found.parts[1].says
    lost = dataclasses.replace(shy, people_per_look=(shy.people_per_look or 0) / 2)
    assert (measure(lost, reference).value or 1) < 0.75


def test_another_detector_is_not_held_against_the_reference() -> None:
    rng = np.random.default_rng(4)
    reference = reference_of(season(rng, USUAL))
    other = dataclasses.replace(video(rng), model_version="2.0.0")
    assert "another detector" in measure(other, reference).lacks["detection"]


def test_evidence_and_reference_survive_their_documents() -> None:
    rng = np.random.default_rng(5)
    one = video(rng, reviewed=(Reviewed("tracks", 40, 38.0),))
    assert Evidence.from_json(one.to_json()) == one
    reference = reference_of(season(rng, USUAL))
    assert type(reference).from_json(reference.to_json()) == reference


def test_a_fall_is_seen_after_a_few_videos_and_after_a_long_good_time() -> None:
    assert fallen([0.5] * 6, 0.8, 20).is_sure
    assert not fallen([0.5] * 2, 0.8, 20).is_sure
    assert fallen([0.97] * 300 + [0.5] * 6, 0.8, 20).is_sure
    assert not fallen([0.5, 0.95, 0.9, 0.97], 0.8, 20).is_sure  # one bad video is no fall


def test_alarms_are_as_rare_as_they_are_said_to_be() -> None:
    """At the limit itself, whatever the distribution: at least 20 videos apart on average."""
    rng = np.random.default_rng(6)
    for draw in (
        lambda n: rng.choice([0.6, 1.0], n),
        lambda n: rng.beta(8, 2, n),
        lambda n: rng.choice([0.0, 1.0], n, p=[0.2, 0.8]),
    ):
        waits = []
        for _ in range(200):
            path = np.array(fallen(draw(400), 0.8, 20).evidence)
            waits.append(int(np.argmax(path >= 20)) + 1 if (path >= 20).any() else 400)
        assert np.mean(waits) > 20


def test_a_darker_light_is_far_from_the_reference_and_the_usual_one_is_not() -> None:
    rng = np.random.default_rng(7)
    reference = reference_of(season(rng, 8))
    assert not drift_of(season(rng, 8), reference).far
    found = drift_of(season(rng, 3, stops=-3.0, found=0.6, shy=0.15), reference)
    assert {"brightness", "people"} <= {shift.measure for shift in found.far}
    assert abs(found.shifts[0].spreads) >= abs(found.shifts[-1].spreads)
    assert found.psi is not None
    assert found.psi > 0.25


def test_a_gain_counts_only_when_it_is_sure() -> None:
    rng = np.random.default_rng(8)
    sure = gain_of("labelled", {f"v{n}": (0.6, 0.75 + rng.normal(0, 0.02)) for n in range(8)})
    assert judge(sure, None, min_videos=6).better
    few = gain_of("labelled", {f"v{n}": (0.6, 0.8) for n in range(4)})
    assert "Only 4 videos" in judge(few, None, min_videos=6).reasons[0]
    lost = gain_of("consistency", {"v1": (0.7, 0.5), "v2": (0.7, 0.6)})
    verdict = judge(sure, lost, min_videos=6)
    assert not verdict.better
    assert "fewer people" in verdict.reasons[0]


def test_equal_parameters_are_hardly_ever_judged_better() -> None:
    rng = np.random.default_rng(9)
    wrong = 0
    for _ in range(100):
        luck = {f"v{n}": (0.6, 0.6 + rng.normal(0, 0.05)) for n in range(8)}
        wrong += judge(gain_of("labelled", luck), None, min_videos=6).better
    assert wrong <= 7  # 2.5 % are allowed; more than 7 of 100 have a chance of 0.4 %


def test_nothing_is_judged_on_what_was_searched_on() -> None:
    split = split_videos([f"v{n}" for n in range(9)], 6)
    assert split is not None
    assert set(split[0]).isdisjoint(split[1])
    assert (len(split[0]), len(split[1])) == (3, 6)
    assert split_videos(["a", "b", "c"], 6) is None
