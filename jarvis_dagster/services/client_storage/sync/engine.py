"""One run of the synchronisation: look, decide, check, do, look again.

Belongs here: the order of these. Does not belong here: any of them.
"""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConflictError, JarvisError
from jarvis_dagster.services.client_storage.sync.executor import Executor
from jarvis_dagster.services.client_storage.sync.guards import (
    check_deletes,
    check_listings,
    check_plan,
)
from jarvis_dagster.services.client_storage.sync.look import Looker, View
from jarvis_dagster.services.client_storage.sync.marker import place_marker
from jarvis_dagster.services.client_storage.sync.model import SIDES
from jarvis_dagster.services.client_storage.sync.options import SyncOptions
from jarvis_dagster.services.client_storage.sync.report import Problem, Reason, Step, SyncReport
from jarvis_dagster.services.client_storage.sync.state import State, StateDamagedError, locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jarvis_dagster.services.client_storage.sync.model import Side, SideName
    from jarvis_dagster.services.client_storage.sync.report import Status

__all__ = ["sync"]


class _Stopped(Exception):  # noqa: N818 - it is no error, and never leaves this module
    def __init__(self, *reasons: Reason) -> None:
        super().__init__(*(reason.message for reason in reasons))
        self.reasons = reasons


def sync(a: Side, b: Side, *, state: Path, options: SyncOptions | None = None) -> SyncReport:
    """Bring two folders in step, both ways.

    Args:
        a: One side; its version keeps the name in a conflict.
        b: The other side.
        state: The file that what was agreed is kept in, one for each pair of
            folders; made by the first run.
        options: What takes part, and what to do in spite of a doubt.

    Returns:
        What was done. Whatever the drives refuse is in it and not raised.
    """
    options = options or SyncOptions()
    path = state / "sync.sqlite" if state.is_dir() else state
    memory = State(path, dry_run=options.dry_run)
    try:
        with locked(path, dry_run=options.dry_run):
            if options.restart:
                memory.restart()
            with memory:
                return _Run({"a": a, "b": b}, memory, options).run()
    except ConflictError as error:
        reasons: tuple[Reason, ...] = (Reason("busy", str(error)),)
    except StateDamagedError as error:
        reasons = (Reason("state", str(error)),)
    except _Stopped as stopped:
        reasons = stopped.reasons
    return SyncReport("stopped", reasons, dry_run=options.dry_run)


class _Run:
    """One run."""

    def __init__(self, sides: Mapping[SideName, Side], state: State, options: SyncOptions) -> None:
        self.sides = sides
        self.names: dict[SideName, str] = {
            side: sides[side].name or f"side {side.upper()}" for side in SIDES
        }
        self.state = state
        self.options = options
        self.agreed = state.agreed()
        self.looker = Looker(sides, self.names, options.filter, state.hashes())

    def run(self) -> SyncReport:
        try:
            first = self.looker.look(self.agreed)
        except JarvisError as error:
            raise _Stopped(Reason("listing", str(error))) from error
        self._check(first)
        if self.options.dry_run:
            return self._report(first, tuple(map(Step.of, first.plan.actions)))
        self._mark(first)
        self._remember(first)
        if not first.plan.actions:
            return self._report(first, ())
        executor = self._execute(first)
        done = tuple(executor.done)
        try:
            last = self.looker.look(self.agreed)
        except JarvisError as error:
            executor.outage = Reason("listing", str(error))
            return self._report(first, done, executor)
        self._remember(last)
        return self._report(last, done, executor, first.plan.conflicts)

    def _execute(self, view: View) -> Executor:
        scratch = self.state.path.with_name(f"{self.state.path.name}.scratch")
        shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
        scratch.mkdir(parents=True)
        executor = Executor(self.sides, view.trees, self.state, scratch)
        try:
            executor.run(view.plan.actions, self.options.transfers, self.options.progress)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        self.agreed = self.state.agreed()
        self.looker.learn(executor.contents)
        self.looker.leave_out(executor.no_content)
        return executor

    # -- checking --------------------------------------------------------------

    def _check(self, view: View) -> None:
        """Stop if anything is not as it should be; nothing has been changed yet."""
        marked = self.options.marker and self.state.get("marked")
        pair = self.state.get("pair") if marked else ""
        reasons = [*self._strangers(view)]
        reasons += check_listings(view.listings, self.agreed, pair, self.options, self.names)
        if not reasons:
            reasons += check_plan(view.plan, self.agreed, view.listings, self.options, self.names)
        if not reasons:
            reasons += check_deletes(view.plan, self.agreed, view.listings, self.sides, self.names)
        if reasons:
            raise _Stopped(*reasons)

    def _strangers(self, view: View) -> Iterator[Reason]:
        """Whether these are two sides, and those that the state belongs to."""
        tops = [view.listings[side].top for side in SIDES]
        if self.sides["a"].drive is self.sides["b"].drive and (
            tops[0].startswith(tops[1]) or tops[1].startswith(tops[0])
        ):
            yield Reason("sides", "One of the folders is in the other, or they are the same.")
        if self.options.restart:
            return
        for side in SIDES:
            before, now = self.state.get(f"side_{side}"), self._identity(side)
            if before and before != now:
                yield Reason(
                    "sides",
                    f"The state in {self.state.path} is of other folders ({before}, not {now})."
                    " Name another file for the state, or restart.",
                )
        both = view.listings["a"].markers & view.listings["b"].markers
        if self.options.marker and both and not self.state.get("pair"):
            yield Reason(
                "state",
                f"These folders were synchronised before, but {self.state.path} does not know"
                " of it. Bring it back, or restart: then nothing is deleted, and what differs"
                " is kept twice.",
            )

    def _identity(self, side: SideName) -> str:
        return f"{self.sides[side].name}:{self.sides[side].folder_id or ''}"

    # -- remembering -----------------------------------------------------------

    def _mark(self, view: View) -> None:
        """Give the pair its name, and both sides their marker."""
        both = sorted(view.listings["a"].markers & view.listings["b"].markers)
        pair = self.state.get("pair") or (both[0] if both else secrets.token_hex(8))
        about = {
            "pair": pair,
            "side_a": self._identity("a"),
            "side_b": self._identity("b"),
        }
        if any(self.state.get(key) != value for key, value in about.items()):
            self.state.put(about)
        if not self.options.marker:
            return
        for side in SIDES:
            if pair not in view.listings[side].markers:
                scratch = self.state.path.with_name(f"{self.state.path.name}.marker")
                try:
                    place_marker(self.sides[side], pair, scratch)
                except JarvisError as error:
                    raise _Stopped(
                        Reason("marker", f"{self.names[side]} takes no marker: {error}")
                    ) from error
                finally:
                    scratch.unlink(missing_ok=True)
        if not self.state.get("marked"):
            self.state.put({"marked": "yes"})

    def _remember(self, view: View) -> None:
        """Keep what both sides turned out to hold, and hashes that are still of use."""
        if view.plan.agreed or view.plan.forget:
            self.state.agree(view.plan.agreed, view.plan.forget)
            self.agreed = self.state.agreed()
        hashes = self.looker.hashes_of_use(view, self.agreed)
        if hashes != self.state.hashes():
            self.state.keep_hashes(hashes)

    def _report(
        self,
        view: View,
        steps: tuple[Step, ...],
        executor: Executor | None = None,
        conflicts: tuple[tuple[str, str], ...] | None = None,
    ) -> SyncReport:
        changed = set(self.looker.changed)
        reasons: tuple[Reason, ...] = ()
        failures = list(self.looker.unreadable)
        if executor is not None:
            changed.update(executor.changed)
            failures += executor.failures
            failures += _unseen(executor, view)
            reasons = () if executor.outage is None else (executor.outage,)
        status: Status = "ok"
        if failures or reasons:
            status = "incomplete"
        elif changed or (executor is not None and view.plan.actions):
            status = "changed meanwhile"
        return SyncReport(
            status,
            reasons,
            steps,
            view.plan.conflicts if conflicts is None else conflicts,
            tuple(sorted(changed)),
            tuple(failures),
            left_out=tuple(sorted(self.looker.left_out)),
            aliases=tuple(
                (side, path, node.raw)
                for side in SIDES
                for path, node in sorted(view.trees[side].nodes.items())
                if node.raw != path and node.raw.rpartition("/")[2] != path.rpartition("/")[2]
            ),
            files=sum(not node.file.is_folder for node in view.trees["a"].nodes.values()),
            dry_run=self.options.dry_run,
        )


def _unseen(executor: Executor, view: View) -> list[Problem]:
    """What was sent and is to be sent again, because the drive does not list it."""
    done = {(step.kind, step.side, step.path) for step in executor.done}
    return [
        Problem(
            action.side, action.path, f"{action.path} was sent, but the drive does not list it."
        )
        for action in view.plan.actions
        if action.kind == "copy" and ("copy", action.side, action.path) in done
    ]
