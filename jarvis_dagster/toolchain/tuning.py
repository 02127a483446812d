"""The search for better options of a pipeline, by Optuna.

Belongs here: trials, their bounds in number and time, going on after a stop. Does not belong
here: what an option does, what is tried in which range (``kind``).

A trial trains on the training videos and is judged on the validation videos; the test videos
are not looked at, so that they can still tell how good the found options are.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, ConflictError
from jarvis_dagster.toolchain.job import Job
from jarvis_dagster.toolchain.kinds import kind_of
from jarvis_dagster.toolchain.trials import OUTCOME, STOPPED, Search, found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import optuna

    from jarvis_dagster.services.experiment.run_log import RunLog
    from jarvis_dagster.toolchain.kind import Kind
    from jarvis_dagster.toolchain.pipeline import Workshop

__all__ = ["search"]

_FIRST_RANDOM = 5  # before what was seen guides the choice
_WATCHED = 3
"""Finished trials before one may be given up early, and the share of steps it has at least."""


class _TimeIsUp(Exception):  # noqa: N818 - no error
    """The trial is left as it is; the next call goes on with it."""


def search(
    shop: Workshop,
    prepared: dict[str, Any],
    *,
    trials: int,
    minutes: float,
    progress: Callable[[str, int, int], None] | None = None,
) -> Search:
    """Try options until ``trials`` have ended, in all calls together, or the time is up.

    The same call goes on with the same search; a trial that was stopped goes on from its
    checkpoint. Each is a run of MLflow below that of the search.

    Args:
        prepared: What ``data_preparation`` returned; its options are those that are not tried.
        progress: Called with ``trials`` or ``train``, done and total.

    Raises:
        BadInputError: no video to choose by, or nothing to try.
        ConflictError: another process is searching the same.
    """
    from jarvis_dagster.claims import claim

    job = Job.from_json(prepared["job"])
    kind = kind_of(job.pipeline)
    if not job.split.validation:
        raise BadInputError(
            "No video is left to choose options by.", "Name one by --validation, or add videos."
        )
    if not kind.space:
        raise BadInputError(f"{kind.name} has no option to search.", "Set it by hand.")
    identity = _identity(job, kind)
    folder = shop.folder / "search" / identity
    folder.mkdir(parents=True, exist_ok=True)
    with claim(folder) as mine:
        if not mine:
            raise ConflictError(
                f"The search {identity} is running in another process.", "Wait until it ends."
            )
        study = _study(folder, identity, kind, job)
        deadline = time.monotonic() + 60 * minutes
        about = {"dataset": job.dataset, "split": job.split.id, "figure": kind.figure}
        with shop.experiments.run(
            f"{kind.name} search",
            about,
            name=f"search {identity[:6]}",
            identity={"toolchain.search": identity},
            component="toolchain",
        ) as log:
            run = _Searching(shop, job, kind, study, folder, deadline, progress)
            run.until(trials, log)
            result = found(study, identity, kind)
            if result.best is not None and result.best.figure is not None:
                log.metrics({f"best/{kind.figure}": result.best.figure})
            log.json("trials", [dataclasses.asdict(trial) for trial in result.trials])
    return result


def _identity(job: Job, kind: Kind) -> str:
    fixed = {name: value for name, value in job.options.items() if name not in kind.space}
    content = [job.pipeline, job.dataset, job.split.to_json(), fixed, dict(kind.space)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _study(folder: Path, identity: str, kind: Kind, job: Job) -> optuna.Study:
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = str(folder / "journal.log")
    storage = JournalStorage(JournalFileBackend(journal, JournalFileOpenLock(journal)))
    known = [summary.study_name for summary in storage.get_all_studies()]
    already = 0
    if identity in known:
        already = len(optuna.load_study(study_name=identity, storage=storage).get_trials())
    study = optuna.create_study(
        storage=storage,
        study_name=identity,
        load_if_exists=True,
        direction="maximize",
        # Another seed after a stop: the same one would propose the same again.
        sampler=optuna.samplers.TPESampler(
            n_startup_trials=_FIRST_RANDOM, seed=int(job.options.get("seed", 0)) + already
        ),
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=_WATCHED, n_warmup_steps=_least_steps(job)
        ),
    )
    if identity not in known:
        study.enqueue_trial({name: kind.defaults[name] for name in kind.space})
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        # Of a process that was killed: what it tried comes next, and goes on.
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params)
    return study


def _least_steps(job: Job) -> int:
    return int(job.options.get("steps", 0)) // _WATCHED


class _Searching:
    """The trials of one call."""

    def __init__(
        self,
        shop: Workshop,
        job: Job,
        kind: Kind,
        study: optuna.Study,
        folder: Path,
        deadline: float,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._shop, self._job, self._kind, self._study = shop, job, kind, study
        self._folder, self._deadline, self._progress = folder, deadline, progress
        self._data = shop.datasets.fetch(job.dataset)

    def until(self, trials: int, parent: RunLog) -> None:
        """Run trials one after the other."""
        while (done := self._ended()) < trials and time.monotonic() < self._deadline:
            self._told("trials", done, trials)
            if not self._one(parent):
                break
        self._told("trials", min(self._ended(), trials), trials)

    def _told(self, what: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(what, done, total)

    def _ended(self) -> int:
        import optuna

        states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
        failed = self._study.get_trials(states=(optuna.trial.TrialState.FAIL,))
        broken = [trial for trial in failed if trial.user_attrs.get(OUTCOME) != STOPPED]
        return len(self._study.get_trials(states=states)) + len(broken)

    def _one(self, parent: RunLog) -> bool:
        """One trial; False when the time is up."""
        import optuna

        trial = self._study.ask()
        trial.set_user_attr(OUTCOME, STOPPED)  # true of one that ends without another word
        options = {**self._job.options, **_suggested(trial, self._kind.space)}
        job = dataclasses.replace(self._job, options=options)
        with self._shop.experiments.run(
            f"{self._kind.name} search",
            {"dataset": job.dataset, **options},
            name=f"trial {trial.number}",
            identity={"toolchain.search": self._study.study_name, "trial": job.id},
            component="toolchain",
            parent=parent.run_id,
        ) as log:
            try:
                figure = self._figure(trial, job, log)
            except optuna.TrialPruned:
                self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                log.tags({"search.state": "given up"})
            except _TimeIsUp:
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
                self._study.enqueue_trial(trial.params)
                log.tags({"search.state": "stopped"})
                return False
            except BadInputError as error:  # options that cannot be trained with are an answer
                trial.set_user_attr(OUTCOME, str(error))
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
                log.tags({"search.state": "failed", "search.error": str(error)[:400]})
            else:
                self._study.tell(trial, figure)
                log.metrics({f"validation/{self._kind.figure}": figure})
                log.tags({"search.state": "finished"})
        shutil.rmtree(self._folder / job.id, ignore_errors=True)
        return True

    def _figure(self, trial: optuna.Trial, job: Job, log: RunLog) -> float:
        import optuna

        def report(values: Mapping[str, float], step: int) -> None:
            log.metrics(values, step)
            trial.report(-sum(values.values()), step)
            if trial.should_prune():
                raise optuna.TrialPruned

        def progress(done: int, total: int) -> None:
            self._told("train", done, total)
            if time.monotonic() > self._deadline:
                raise _TimeIsUp

        out = self._folder / job.id
        out.mkdir(exist_ok=True)
        model = self._kind.train(job, self._data, out, report=report, progress=progress)
        judged = self._data.of(job.split.validation)
        metrics = self._kind.evaluate(
            model, judged, progress=lambda done, total: self._told("evaluate", done, total)
        ).metrics
        log.metrics({f"validation/{name}": value for name, value in metrics.items()})
        return metrics.get(self._kind.figure, 0.0)


def _suggested(trial: optuna.Trial, space: Mapping[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for name, allowed in space.items():
        if isinstance(allowed, list):
            chosen[name] = trial.suggest_categorical(name, allowed)
        else:
            low, high = allowed
            chosen[name] = trial.suggest_float(name, low, high, log=low > 0)
    return chosen
