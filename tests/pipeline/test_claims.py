"""One run at a time works on a video, whoever started it."""

from pathlib import Path

import dagster as dg

from jarvis_dagster.claims import claim, is_claimed
from jarvis_dagster.resources.workspace import WorkspaceResource

KEY = "game-0123456789abcdef"


def run(workspace: WorkspaceResource) -> tuple[dg.ExecuteInProcessResult, list[bool]]:
    """Two steps that ask for the video's workspace, and whether it was claimed then."""
    claimed = []

    @dg.asset
    def first(workspace: WorkspaceResource) -> None:
        claimed.append(is_claimed(workspace.of(KEY).folder))

    @dg.asset(deps=[first])
    def second(workspace: WorkspaceResource) -> None:
        claimed.append(is_claimed(workspace.of(KEY).folder))

    result = dg.materialize(
        [first, second], resources={"workspace": workspace}, raise_on_error=False
    )
    return result, claimed


def test_a_run_has_its_video_from_the_first_step_to_the_last(config: Path, tmp_path: Path) -> None:
    result, claimed = run(WorkspaceResource())
    assert result.success
    assert claimed == [True, True]
    assert not (tmp_path / "data" / "work" / KEY).exists()


def test_a_second_run_of_the_video_fails_at_once(config: Path, tmp_path: Path) -> None:
    with claim(tmp_path / "data" / "work" / KEY) as mine:
        assert mine
        result, claimed = run(WorkspaceResource())
    assert claimed == []
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    user = failure.step_failure_data.user_failure_data
    assert user is not None
    assert "being analysed now, by another run" in str(user.description)
    assert run(WorkspaceResource())[0].success


def test_who_has_claimed_it_already_may_run(config: Path, tmp_path: Path) -> None:
    with claim(tmp_path / "data" / "work" / KEY):
        result, claimed = run(WorkspaceResource(claims=False))
    assert result.success
    assert claimed == [True, True]
