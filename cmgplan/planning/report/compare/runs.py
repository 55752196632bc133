"""Runs that stand beside each other: their names, and what of them can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cmgplan.errors import InputError
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.report.run_folder import Run, read_run, require_complete_run
from cmgplan.plurals import counted
from cmgplan.run.comparison import LEAST_RUNS, unique_names
from cmgplan.run.folder import recover
from cmgplan.run.tables import Tables


@dataclass(frozen=True)
class ComparedRun:
    """A run under a name that no other run of the comparison has."""

    name: str
    run: Run

    @property
    def summary(self) -> PlanRecord:
        """Content of plan.json."""
        return self.run.summary

    @property
    def tables(self) -> Tables:
        """Tables by file stem."""
        return self.run.tables

    @property
    def horizon(self) -> tuple[int, float]:
        """Number of intervals, and their length in hours."""
        return len(self.tables["loss"]), self.summary.case.dt_h

    @property
    def buses(self) -> tuple[str, ...]:
        """Buses of the feeder."""
        return tuple(dict.fromkeys(self.tables["bus_voltage"]["bus"]))

    @property
    def switches(self) -> dict[str, tuple[str, str, str]]:
        """Kind and ends of every switch by its id."""
        rows = self.tables["switch_schedule"].drop_duplicates("switch")
        ends = zip(rows["kind"], rows["from"], rows["to"], strict=True)
        return dict(zip(rows["switch"], ends, strict=True))


@dataclass(frozen=True)
class Comparison:
    """Two or more runs; differences are to the first."""

    runs: tuple[ComparedRun, ...]

    @property
    def first(self) -> ComparedRun:
        """The run that the others are compared with."""
        return self.runs[0]

    @property
    def others(self) -> tuple[ComparedRun, ...]:
        """The runs that are compared with the first."""
        return self.runs[1:]

    @property
    def dt_h(self) -> float:
        """Length of an interval of the first run, h."""
        return self.first.horizon[1]

    def same_horizon(self, other: ComparedRun) -> bool:
        """Return whether sums over the horizon of another run and of the first are of one kind."""
        return other.horizon == self.first.horizon

    def same_intervals(self, other: ComparedRun) -> bool:
        """Return whether an hour of another run is an hour of the first."""
        return other.horizon[1] == self.first.horizon[1]

    def hours_compared(self) -> list[int]:
        """Return the hours that every run of the first one's intervals has."""
        return list(range(min(r.horizon[0] for r in self.runs if self.same_intervals(r))))

    def obstacles(self) -> list[str]:
        """Say what cannot be compared, a sentence each."""
        return [text for other in self.others for text in self._obstacles(other)]

    def _obstacles(self, other: ComparedRun) -> list[str]:
        told = []
        (hours, dt_h), (own_hours, own_dt_h) = self.first.horizon, other.horizon
        if not self.same_horizon(other):
            told.append(
                f"{other.name} covers {counted(own_hours, 'interval')} of {own_dt_h:g} h, "
                f"{self.first.name} {hours} of {dt_h:g} h: sums over the horizon are shown "
                "without differences"
                + (
                    f", hours are compared up to hour {min(hours, own_hours) - 1}."
                    if self.same_intervals(other)
                    else ", hours are not compared."
                )
            )
        for what, mine, theirs in (
            ("bus", set(self.first.buses), set(other.buses)),
            ("switch", set(self.first.switches.items()), set(other.switches.items())),
        ):
            alone = [len(mine - theirs), len(theirs - mine)]
            if any(alone):
                many = "buses" if what == "bus" else "switches"
                both = len(mine & theirs)
                told.append(
                    f"{alone[0]} {what if alone[0] == 1 else many} of {self.first.name} and "
                    f"{alone[1]} of {other.name} have no counterpart; "
                    f"{f'only the {both} in both are' if both else 'none is'} compared."
                )
        return told


def read_runs(folders: Sequence[Path]) -> Comparison:
    """Read runs and give each a name of its own.

    Raises
    ------
    InputError
        There are fewer than two, or one of them cannot be read.
    """
    if len(folders) < LEAST_RUNS:
        raise InputError("one run cannot be compared with itself; give two or more runs")
    for folder in folders:
        recover(folder)
    runs = [read_run(folder) for folder in folders]
    for run in runs:
        require_complete_run(run)
    names = unique_names(folders)
    return Comparison(tuple(ComparedRun(name, run) for name, run in zip(names, runs, strict=True)))
