"""A finished study as its page needs it, read from its folder alone."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError
from cmgplan.given import read_text
from cmgplan.run.tables import unguarded
from cmgplan.study.kinds import STUDY_SYSTEMS, StudySystem
from cmgplan.study.store import STUDY_FILE, TASK_COLUMNS, TASKS_TABLE

CURVE_POINTS = 500
"""Points of a duration curve."""

_OF_HOMES = ("exchange", ("import_kw",), ("export_kw",))
IMPORT_OF = {
    "planning": ("upstream", ("with_cmg_kw",), ()),
    **dict.fromkeys(("optimum", "market", "building", "response"), _OF_HOMES),
}
"""Table and columns, added and taken off, of what comes from upstream by system."""

SEVERAL_WAYS = frozenset({"market", "building", "response"})
"""Systems whose runs hold a day in several ways, such as coalitions, told by a column ``way``."""


@dataclass(frozen=True)
class StudyView:
    """A study as read from its folder.

    Attributes
    ----------
    folder, about
        Where it lies, and the content of study.json.
    system
        What ran its cases.
    tasks
        tasks.csv, with a column ``way``: case and options in which tasks differ, what is compared.
    common
        Options that all tasks share, as tasks.csv tells them; empty where there are none.
    """

    folder: Path
    about: Mapping[str, Any]
    system: StudySystem
    tasks: pd.DataFrame
    common: str = ""

    @property
    def done(self) -> pd.DataFrame:
        """Rows of finished tasks."""
        return self.tasks[self.tasks["state"] == "done"]

    @property
    def ways(self) -> list[str]:
        """Combinations of case and options in their order."""
        return list(dict.fromkeys(self.tasks["way"]))

    def by_task(self) -> dict[str, tuple[str, str, float]]:
        """Return case, way and weight of every finished task by its name."""
        done = self.done
        parts = zip(done["task"], done["case"], done["way"], done["weight"], strict=True)
        return {task: (case, way, float(weight)) for task, case, way, weight in parts}

    @property
    def currency(self) -> str:
        """Currency of its cases; where they differ all of them, such as EUR or GBP."""
        return " or ".join(dict.fromkeys(map(_currency, self.about["cases"])))

    def currency_of(self, case: str) -> str:
        """Return the currency of a case."""
        found = {str(each["name"]): _currency(each) for each in self.about["cases"]}
        return found.get(case, self.currency)

    def dt_h(self, case: str) -> float:
        """Return the hours of an interval of a case."""
        hours = {str(each["name"]): float(each.get("dt_h", 1.0)) for each in self.about["cases"]}
        return hours.get(case, 1.0)


def read_texts(path: Path, texts: Iterable[str]) -> pd.DataFrame:
    """Return a table whose texts stay as they are: a scenario may be called NA, or 01."""
    names = list(texts)
    table = pd.read_csv(
        path, dtype=dict.fromkeys(names, str), keep_default_na=False, na_values=[""]
    )
    return table.fillna({name: "" for name in names if name in table.columns})


def read_view(folder: Path) -> StudyView:
    """Read a study's folder.

    Raises
    ------
    InputError
        It is not the folder of a study, or a file of it is damaged.
    """
    path = folder / STUDY_FILE
    if not path.is_file():
        raise InputError(f"{folder}: is not a study, it has no {STUDY_FILE}")
    if not (folder / TASKS_TABLE).is_file():
        raise InputError(f"{folder}: has no {TASKS_TABLE} yet; resume the study")
    try:
        about = json.loads(read_text(path))
        system = STUDY_SYSTEMS[about["system"]]
        list(about["cases"])
        text = (*TASK_COLUMNS, "state", "reason")
        tasks = read_texts(folder / TASKS_TABLE, text)
        numbers = ["attempts", "wall_s", "weight", *(f.name for f in system.shown)]
        tasks[numbers] = tasks[numbers].apply(pd.to_numeric)
        if not tasks["task"].is_unique:
            raise ValueError(f"a task stands twice in {TASKS_TABLE}")
        for name in (*TASK_COLUMNS[1:], "reason"):  # a name of a task needs no guard
            tasks[name] = tasks[name].map(unguarded)
        common, way = _ways(tasks)
    except (ValueError, KeyError, TypeError, OSError) as error:
        told = f"{folder}: is damaged ({type(error).__name__}: {error}); resume the study"
        raise InputError(told) from error
    return StudyView(folder, about, system, tasks.assign(way=way), common)


def _currency(case: Mapping[str, Any]) -> str:
    return str(case.get("currency", "$"))


def _ways(tasks: pd.DataFrame) -> tuple[str, list[str]]:
    """Return the options that all tasks share, and for each task what tells it from the others.

    That is its case, where there are several, and those of its options in which tasks differ.
    """
    of_task = [re.split(r" (?=[a-z-]+=)", options) for options in tasks["options"]]
    shared = set.intersection(*map(set, of_task)) if of_task else set()
    several = tasks["case"].nunique() > 1
    ways = []
    for case, options in zip(tasks["case"], of_task, strict=True):
        own = [option for option in options if option not in shared]
        ways.append(" ".join([case, *own] if several or not own else own))
    return " ".join(option for option in (of_task or [[]])[0] if option in shared), ways


@dataclass(frozen=True)
class Curve:
    """A duration curve: import in kW over the share of the time, 0..1, in which it is reached."""

    way: str
    share: FloatArray
    kw: FloatArray


def duration_curves(view: StudyView) -> list[Curve]:
    """Return the duration curve of the import from upstream of each way; none if not known.

    Runs that hold a day in several ways have a curve for each.
    """
    if view.system.name not in IMPORT_OF:
        return []
    stem, plus, minus = IMPORT_OF[view.system.name]
    if not (view.folder / f"{stem}.csv").is_file():
        return []
    of_task = view.by_task()
    own = ("way",) if view.system.name in SEVERAL_WAYS else ()
    amounts: dict[tuple[str, ...], list[float]] = defaultdict(list)
    weights: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for task, rows in rows_by_task(view.folder / f"{stem}.csv", (*own, "hour", *plus, *minus)):
        if task not in of_task:
            continue
        _, way, weight = of_task[task]
        hours: dict[tuple[str, ...], float] = defaultdict(float)
        for cells in rows:
            told, kw = cells[: len(own) + 1], cells[len(own) + 1 :]
            hours[tuple(told)] += sum(map(_value, kw[: len(plus)]))
            hours[tuple(told)] -= sum(map(_value, kw[len(plus) :]))
        for (*of_run, _), kw_of_hour in hours.items():
            amounts[way, *of_run].append(kw_of_hour)
            weights[way, *of_run].append(weight)
    order = {way: k for k, way in enumerate(view.ways)}
    several = len(order) > 1 or not own
    return [
        _curve(" ".join(key if several else key[1:]), amounts[key], weights[key])
        for key in sorted(amounts, key=lambda key: order[key[0]])
    ]


def _curve(way: str, kw: Sequence[float], weights: Sequence[float]) -> Curve:
    """Return values in falling order over the share of the weight that they are reached in."""
    values, weight = np.asarray(kw), np.asarray(weights)
    order = np.argsort(-values, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    kept = np.unique(np.linspace(0, len(values) - 1, min(len(values), CURVE_POINTS)).astype(int))
    return Curve(way, share[kept], values[order][kept])


@dataclass(frozen=True)
class SwitchUse:
    """How much a switch is used, summed over the days that the tasks stand for."""

    way: str
    switch: str
    kind: str
    closed_h: float
    closed_share: float
    operations_per_day: float


def switch_use(view: StudyView) -> list[SwitchUse]:
    """Return how long each switch is closed and how often it moves, by way.

    A day begins with every switch open.
    """
    path = view.folder / "switch_schedule.csv"
    if not path.is_file():
        return []
    of_task = view.by_task()
    found: dict[tuple[str, str, str], FloatArray] = {}
    for task, rows in rows_by_task(path, ("switch", "kind", "hour", "closed")):
        if task not in of_task:
            continue
        case, way, weight = of_task[task]
        dt_h = view.dt_h(case)
        positions: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        for switch, kind, hour, closed in rows:
            positions[switch, kind].append((int(hour), int(closed)))
        for (switch, kind), hours in positions.items():
            told = [closed for _, closed in sorted(hours)]
            moves = sum(a != b for a, b in itertools.pairwise([0, *told]))
            sums = found.setdefault((way, switch, kind), np.zeros(4))
            sums += weight * np.array([dt_h * sum(told), dt_h * len(told), moves, 1.0])
    return [
        SwitchUse(way, switch, kind, closed, closed / hours, moves / days)
        for (way, switch, kind), (closed, hours, moves, days) in found.items()
    ]


def rows_by_task(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield the cells of some columns of a long table, one task at a time."""
    with path.open(encoding="utf-8", newline="") as file:
        cells = csv.reader(file)
        header = next(cells, [])
        places = [header.index(name) for name in columns]
        for task, rows in itertools.groupby(cells, key=lambda row: row[0]):
            yield task, [[row[place] for place in places] for row in rows]


def _value(cell: str) -> float:
    return float(cell) if cell else 0.0
