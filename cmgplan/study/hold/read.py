"""A plan held in a scenario, read from its run folder for its checks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cmgplan.errors import InputError
from cmgplan.planning.case import load_case
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.report.subject import OperatedCase
from cmgplan.run.tables import read_csv
from cmgplan.study.hold.folder import (
    FORMS,
    LEVEL,
    RESPONSE,
    UPPER,
    place_of,
    place_of_least,
    place_of_own,
)
from cmgplan.study.hold.held_plan import HoldOptions
from cmgplan.study.hold.marker import HOLD_FILE, UNANSWERED

MEND = "run the task again"


@dataclass(frozen=True)
class HeldOperation:
    """What the tables of an operation tell, and what its loads demand.

    Attributes
    ----------
    name
        What a finding calls it.
    told
        Its tables as they are.
    demanded
        The same, with loads that draw what they demand, served or not.
    levels
        4, and 5 where Levels 5 and 6 have a solution on it.
    """

    name: str
    told: OperatedCase
    demanded: OperatedCase
    levels: tuple[int, ...]


@dataclass(frozen=True)
class HeldRun:
    """The run folder of a plan held in a scenario.

    Attributes
    ----------
    sha256, figures, given
        Of hold.json: hash of the copy of the case, key figures, and what follows from no table.
    rows
        Every row of held.csv, by point.
    held, broken, own
        held.csv of points with an operation, by point; broken_limits.csv; the row of
        wait_and_see.csv where there is one.
    points, least
        Operations of each point, as held and at least cost.
    own_operation
        That of the day with switches of its own; None where it has none.
    """

    folder: Path
    sha256: str
    figures: Mapping[str, Any]
    given: Mapping[str, Any]
    case: Case
    options: HoldOptions
    rows: pd.DataFrame
    held: pd.DataFrame
    broken: pd.DataFrame
    own: pd.Series[Any] | None
    points: dict[int, HeldOperation]
    least: dict[int, HeldOperation]
    own_operation: HeldOperation | None

    def number(self, point: int, column: str) -> float:
        """Return a number of held.csv."""
        value: Any = self.held.loc[point, column]
        return float(value)

    def operations(self) -> list[HeldOperation]:
        """Return every operation of the run."""
        own = [] if self.own_operation is None else [self.own_operation]
        return [*self.points.values(), *self.least.values(), *own]


def read_held(folder: Path) -> HeldRun:
    """Read a run folder.

    Raises
    ------
    InputError, CaseError
        A file of it is missing or damaged, or its copy of the case cannot be used any more.
    """
    try:
        about = json.loads((folder / HOLD_FILE).read_text(encoding="utf-8"))
        options = HoldOptions.model_validate(about["options"])
        plan_options = PlanOptions.model_validate(about["plan_options"])
        day, sha256 = about["day"], str(about["sha256"])
        figures, given = dict(about["figures"]), dict(about["given"])
        rows = _table(folder / "held.csv", ("status", "upper_status"))
        rows["point"] = rows["point"].astype("int64")
        if not rows["point"].is_unique:
            raise ValueError("a point of held.csv stands twice")
        rows = rows.set_index("point")
        held = rows[rows["status"] != "infeasible"]
        broken = _table(folder / "broken_limits.csv", ("response", "kind", "place", "unit"))
        own = _own_row(folder / "wait_and_see.csv")
        responded = ~held["upper_status"].isin(UNANSWERED)
        served = own is not None and own["status"] == "served"
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise damaged(folder, error) from error
    case = load_case(folder / "case", day=day)
    base = OperatedCase(case, plan_options, {})

    def operation(name: str, place: Path, levels: tuple[int, ...] = (LEVEL,)) -> HeldOperation:
        return _read_operation(base, name, place, levels)

    points = {
        int(number): operation(
            f"points/{number:02d}",
            place_of(folder, number),
            (LEVEL, UPPER) if responded[number] else (LEVEL,),
        )
        for number in held.index
    }
    least = {
        int(number): operation(f"points/{number:02d}/least", place_of_least(folder, number))
        for number in held.index
    }
    own_operation = operation("own", place_of_own(folder)) if served else None
    return HeldRun(
        folder,
        sha256,
        figures,
        given,
        case,
        options,
        rows,
        held,
        broken,
        own,
        points,
        least,
        own_operation,
    )


def _table(path: Path, texts: tuple[str, ...]) -> pd.DataFrame:
    """Return a table of numbers, empty cells as NaN, and some texts.

    Raises
    ------
    ValueError, KeyError
        A number is none, or a column is missing.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for name in table.columns.difference(list(texts)):
        table[name] = pd.to_numeric(table[name].where(table[name] != ""))
    table[list(texts)]
    return table


def _own_row(path: Path) -> pd.Series[Any] | None:
    """Return the row of wait_and_see.csv; None where there is no such table."""
    if not path.exists():
        return None
    table = _table(path, ("status",))
    if len(table) != 1:
        raise ValueError(f"{path.name} has {len(table)} rows, not 1")
    return table.iloc[0]


def damaged(folder: Path, error: Exception) -> InputError:
    """Return the error of a folder whose files cannot be used."""
    told = f"{type(error).__name__}: {error}"
    return InputError(f"{folder}: is damaged ({told}); {MEND}")


def _read_operation(
    base: OperatedCase, name: str, place: Path, levels: tuple[int, ...]
) -> HeldOperation:
    tables = {stem: read_csv(form, place / f"{stem}.csv", MEND) for stem, form in FORMS.items()}
    if UPPER in levels:
        tables["demand_response"] = read_csv(RESPONSE, place / "demand_response.csv", MEND)
    told = replace(base, tables=tables, _wide={})
    return HeldOperation(name, told, _demanded(told), levels)


def _demanded(told: OperatedCase) -> OperatedCase:
    """Return the tables with loads that draw what they demand."""
    loads = {(mg.id, load.id): load for mg in told.case.microgrids for load in mg.load}
    unserved = told.tables["unserved"].set_index(["hour", "microgrid", "load"])["unserved_kw"]
    dispatch = told.tables["dispatch"].copy()
    pairs = list(zip(dispatch["microgrid"], dispatch["device"], strict=True))
    at = [pair in loads for pair in pairs]
    mine = dispatch[at]
    keys = zip(mine["hour"], mine["microgrid"], mine["device"], strict=True)
    lacking = unserved.reindex(pd.MultiIndex.from_tuples(list(keys))).to_numpy()
    ratio = [loads[pair].kvar_per_kw for pair in pairs if pair in loads]
    dispatch.loc[at, "p_kw"] = mine["p_kw"].to_numpy() - lacking
    dispatch.loc[at, "q_kvar"] = mine["q_kvar"].to_numpy() - lacking * ratio
    return replace(told, tables={**told.tables, "dispatch": dispatch}, _wide={})
