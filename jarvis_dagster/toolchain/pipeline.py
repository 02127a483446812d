"""The four steps of every training: data, training, evaluation, deployment as a challenger.

Belongs here: what is read, called, kept and recorded. Does not belong here: what is trained
(``kind``), who calls it (assets, workflows, commands).

Each step takes and returns JSON and may be run again, here or on another machine: what is done
already is not done twice.
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets import check_dataset, split_dataset, write_report
from jarvis_dagster.toolchain.again import recipe_of
from jarvis_dagster.toolchain.checkpoints import Checkpoints
from jarvis_dagster.toolchain.job import Job, read_request
from jarvis_dagster.toolchain.kind import checked_options
from jarvis_dagster.toolchain.kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.hockey.datasets import Dataset
    from jarvis_dagster.services.experiment import JarvisExperimentService
    from jarvis_dagster.services.experiment.run_log import RunLog
    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.toolchain.kind import Evaluation, Kind
    from jarvis_dagster.toolchain.store import DatasetStore

    Progress = Callable[[int, int], None]

__all__ = ["CHALLENGER", "STEPS", "Workshop", "exact_request", "workshop_of"]

STEPS = ("data_preparation", "training", "evaluation", "deployment")
CHALLENGER, CHAMPION = "challenger", "champion"


_PLAIN = re.compile(r"[^A-Za-z0-9_.-]")  # what MLflow has in names


def _silent(_done: int, _total: int) -> None:
    """Nobody watches."""


@dataclasses.dataclass(frozen=True)
class Workshop:
    """Where trainings are done.

    Args:
        folder: For checkpoints and models while they are made; may be lost between two steps.
        who: Is recorded with the challenger.
    """

    storage: JarvisStorageService
    experiments: JarvisExperimentService
    datasets: DatasetStore
    folder: Path
    who: str = "toolchain"
    progress: Progress = _silent

    def data_preparation(self, request: dict[str, Any]) -> dict[str, Any]:
        """Fetch, check and split the dataset.

        Returns:
            ``job``, ``summary`` of the parts, ``report_key`` of the check's page.

        Raises:
            BadInputError: no such dataset, one with errors, or one that cannot be split.
        """
        wanted = read_request(request)
        kind = kind_of(wanted.pipeline)
        options = checked_options(kind, wanted.options)
        stored = self.datasets.find(wanted.dataset)
        data = self.datasets.fetch(stored.ref)
        report = check_dataset(data, self.progress)
        errors = [finding.what for finding in report.findings if finding.severity == "error"]
        if errors and not wanted.accept_errors:
            raise BadInputError(
                f"{stored.ref} has errors: {'; '.join(errors)}.",
                f"See `jarvis dataset check {stored.ref}`, mend them, or accept them by"
                " accept_errors.",
            )
        split = split_dataset(
            data, test=wanted.test, validation=wanted.validation, copies=report.copies
        )
        job = Job(wanted.pipeline, stored.ref, split, options)
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            page, _ = write_report(data, report, Path(scratch))
            report_key = self._keep(job, page)
        parts = {
            name: data.of(split.part(name)).summary() for name in ("training", "validation", "test")
        }
        return {"job": job.to_json(), "summary": parts, "report_key": report_key}

    def training(self, prepared: dict[str, Any]) -> dict[str, Any]:
        """Train, with live metrics in MLflow; goes on from the last checkpoint.

        Returns:
            ``job``, ``model_key`` and ``sha256`` of the file, ``run_id``, ``seconds``.
        """
        job, kind, data = self._opened(prepared)
        out = self.folder / job.id
        out.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with self._run(job, kind) as log:
            model_key = _key(job, kind.file)
            ref = self.storage.stat(model_key)
            if ref is None:
                checkpoints = Checkpoints(self.storage, _key(job, "checkpoint.pt"), out)
                checkpoints.fetch()

                def told(done: int, total: int) -> None:
                    checkpoints.look()
                    self.progress(done, total)

                try:
                    made = kind.train(
                        job,
                        data,
                        out,
                        report=log.metrics,
                        progress=told,
                    )
                finally:
                    checkpoints.look(now=True)
                ref = self.storage.put_file(model_key, made)
            log.metrics({"training_seconds": time.monotonic() - began})
        return {
            "job": job.to_json(),
            "model_key": model_key,
            "sha256": ref.sha256,
            "run_id": log.run_id,
            "seconds": round(time.monotonic() - began, 1),
        }

    def evaluation(self, trained: dict[str, Any]) -> dict[str, Any]:
        """Measure the model and what is in use now on the same held-out videos.

        Returns:
            ``job``, ``model_key``, ``figures`` and ``baseline`` (``metrics``, ``by_video``),
            ``baseline_name``, ``better``: whether the deciding figure rose.
        """
        job, kind, data = self._opened(trained)
        judged = data.of(job.judged_on)
        total = 2 * len(judged.labelled)
        with self._run(job, kind) as log, tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            model = Path(scratch) / kind.file
            self.storage.get_file(trained["model_key"], model)
            name, champion = self._champion(kind, Path(scratch))
            baseline = kind.evaluate(
                champion,
                judged,
                progress=lambda done, _: self.progress(done, total),
            )
            figures = kind.evaluate(
                model,
                judged,
                progress=lambda done, _: self.progress(total // 2 + done, total),
            )
            self._record(log, figures, baseline)
            if figures.draw_errors is not None:
                errors = Path(scratch) / "errors"
                errors.mkdir()
                log.gallery("held-out", figures.draw_errors(errors))
            log.recipe(recipe_of(job, self.datasets.find(job.dataset), self.storage))
        return {
            **trained,
            "figures": figures.to_json(),
            "baseline": baseline.to_json(),
            "baseline_name": name,
            "better": figures.metrics.get(kind.figure, 0) > baseline.metrics.get(kind.figure, 0),
        }

    def deployment(self, evaluated: dict[str, Any]) -> dict[str, Any]:
        """Register the model as the challenger; whether it is promoted is decided elsewhere.

        Returns:
            All of ``evaluated`` and ``model``, ``version``, ``alias``.
        """
        job = Job.from_json(evaluated["job"])
        kind = kind_of(job.pipeline)
        figures = {f"figure.{k}": round(v, 4) for k, v in evaluated["figures"]["metrics"].items()}
        with self._run(job, kind) as log, tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            model = Path(scratch) / kind.file
            self.storage.get_file(evaluated["model_key"], model)
            about = {
                "pipeline": job.pipeline,
                "dataset": job.dataset,
                "job": job.id,
                "judged_on": list(job.judged_on),
                **figures,
            }
            version = log.model(model, kind.model, about)
            # What it has seen, by which it is not judged.
            log.json("training_videos", [*job.split.training, *job.split.validation])
        self.experiments.move_alias(
            kind.model, CHALLENGER, version, by=self.who, why=f"trained on {job.dataset}"
        )
        return {**evaluated, "model": kind.model, "version": version, "alias": CHALLENGER}

    def run(
        self, request: dict[str, Any], on_step: Callable[[str, dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """All four steps in this process."""
        result = request
        for name in STEPS:
            result = getattr(self, name)(result)
            if on_step is not None:
                on_step(name, result)
        return result

    def _opened(self, content: dict[str, Any]) -> tuple[Job, Kind, Dataset]:
        job = Job.from_json(content["job"])
        return job, kind_of(job.pipeline), self.datasets.fetch(job.dataset)

    def _run(self, job: Job, kind: Kind) -> Any:
        """The run of MLflow that belongs to the job: every step and every retry writes to it."""
        return self.experiments.run(
            kind.name,
            {"dataset": job.dataset, "split": job.split.id, **job.options},
            name=f"{job.dataset} {job.id[:6]}",
            identity={"toolchain.job": job.id},
            component="toolchain",
        )

    def _champion(self, kind: Kind, scratch: Path) -> tuple[str, Path | None]:
        known = self.experiments.model(kind.model, CHAMPION)
        if known is None:
            return "packaged", None
        return f"{kind.model} {known.version}", self.experiments.fetch_model(
            known, scratch / "champion.onnx"
        )

    @staticmethod
    def _record(log: RunLog, figures: Evaluation, baseline: Evaluation) -> None:
        log.metrics({f"test/{name}": value for name, value in figures.metrics.items()})
        log.metrics({f"baseline/{name}": value for name, value in baseline.metrics.items()})
        for video, row in figures.by_video.items():
            plain = _PLAIN.sub("_", video)
            log.metrics({f"video/{plain}/{name}": value for name, value in row.items()})
        log.json("evaluation", {"figures": figures.to_json(), "baseline": baseline.to_json()})
        if figures.confusion:
            log.confusion("roles", figures.confusion)

    def _keep(self, job: Job, path: Path) -> str:
        return self.storage.put_file(_key(job, path.name), path).key


def exact_request(content: dict[str, Any], storage: JarvisStorageService) -> dict[str, Any]:
    """The request with the exact version of its dataset, whatever is imported meanwhile.

    Raises:
        BadInputError: it is wrong, or there is no such dataset.
    """
    from jarvis_dagster.toolchain.store import DatasetStore

    wanted = read_request(content)
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        ref = DatasetStore(storage, Path(scratch)).find(wanted.dataset).ref
    return wanted.model_copy(update={"dataset": ref}).model_dump(mode="json")


def workshop_of(
    storage: JarvisStorageService,
    experiments: JarvisExperimentService,
    work_dir: Path,
    progress: Progress = _silent,
    who: str = "toolchain",
) -> Workshop:
    """A workshop whose files are below ``work_dir``."""
    from jarvis_dagster.toolchain.store import DatasetStore

    return Workshop(
        storage=storage,
        experiments=experiments,
        datasets=DatasetStore(storage, work_dir / "datasets"),
        folder=work_dir / "training",
        who=who,
        progress=progress,
    )


def _key(job: Job, name: str) -> str:
    return f"artifacts/toolchain/{job.pipeline}/{job.id}/{name}"
