"""The days of a study: which days the profiles of a case hold, and which of them are run."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.case.days import DAY_H, HOUR, SAME_STEP_H, TIME
from cmgplan.case.folder import CaseFolder
from cmgplan.case.rows import number
from cmgplan.case.tables import Table, read_table
from cmgplan.case.toml_file import read_toml
from cmgplan.errors import Fault, MachineError
from cmgplan.plurals import counted

WHERE = "over.days"
NO_TSAM = (
    "typical days need the package tsam; install it with pip install 'cmgplan[study]', or list "
    "the days"
)


@dataclass(frozen=True)
class StudyDay:
    """A day, or the case as it is where ``day`` is None; ``weight`` is how many days it is."""

    day: date | None = None
    weight: float = 1.0


CASE_DAY = StudyDay()


@dataclass(frozen=True)
class Calendar:
    """The days that the profiles of a case hold.

    Attributes
    ----------
    first, last
        First and last day; None where profiles have no dates.
    hours, dt_h
        Intervals that a run has, and their length.
    table
        The profiles as text.
    first_day
        Day of the first row of profiles whose rows are only numbered.
    """

    first: date | None
    last: date | None
    hours: int
    dt_h: float
    table: Table
    first_day: date | None = None

    def by_day(self) -> dict[date, pd.DataFrame]:
        """Return the numbers of every day that has all its rows."""
        stamps = self._days_of_rows()
        count = Counter(stamps)
        columns = [name for name in self.table.columns if name not in (TIME, HOUR)]
        rows = [[number(row.cells[name]) for name in columns] for row in self.table.rows]
        frame = pd.DataFrame(rows, columns=columns).apply(pd.to_numeric, errors="coerce")
        whole = {day for day, rows_of in count.items() if rows_of == self.hours}
        grouped = frame.groupby(np.array(stamps, dtype=object))
        return {
            day: part for day, part in grouped if day in whole and not part.isna().any(axis=None)
        }

    def _days_of_rows(self) -> list[date]:
        if TIME in self.table.columns:
            return [datetime.fromisoformat(row.cells[TIME]).date() for row in self.table.rows]
        start = datetime.combine(self.first_day or date.min, datetime.min.time())
        return [
            (start + k * timedelta(hours=self.dt_h)).date() for k in range(len(self.table.rows))
        ]


def calendar_of(folder: CaseFolder) -> Calendar | None:
    """Return the days of a case, None where its files cannot be read as such.

    What is wrong with them is told when the case is loaded.
    """
    raw = read_toml(folder, [])
    if raw is None or not isinstance(raw.get("time"), dict):
        return None
    time, name = raw["time"], raw.get("profiles", "profiles.csv")
    table = read_table(folder, name, []) if isinstance(name, str) else None
    hours, dt_h = time.get("hours"), time.get("dt_h", 1.0)
    if table is None or not isinstance(hours, int) or not isinstance(dt_h, int | float):
        return None
    if dt_h <= 0:
        return None
    first_day = _first_day(time)
    bare = Calendar(None, None, hours, float(dt_h), table)
    if TIME not in table.columns and (HOUR not in table.columns or first_day is None):
        return bare
    dated = Calendar(first_day, first_day, hours, float(dt_h), table, first_day)
    try:
        days = dated._days_of_rows()
    except (ValueError, OverflowError):
        return bare
    return Calendar(min(days), max(days), hours, float(dt_h), table, first_day)


def _first_day(time: Mapping[str, Any]) -> date | None:
    given = time.get("first_day")
    if isinstance(given, str):
        try:
            return date.fromisoformat(given)
        except ValueError:
            return None
    return given if isinstance(given, date) else None


def choose_days(
    asked: Any, case: str, calendar: Calendar | None, file: str, faults: list[Fault]
) -> list[StudyDay]:
    """Return the days of a case that are asked for, appending what is wrong.

    ``asked`` is a ``DaysSection``; None leaves the case as it is.
    """
    if asked is None:
        return [CASE_DAY]
    ways = [name for name in ("list", "typical") if getattr(asked, name) is not None]
    if not ways and asked.begins is None:
        mend = "give from and to, or list, or typical"
        faults.append(Fault(file, WHERE, "no days are named", mend))
        return []
    if _excluded(asked, ways, file, faults) or calendar is None:
        return []
    if calendar.first is None or calendar.last is None:
        message = f"the profiles of {case} have no dates, so that no day can be picked"
        mend = "add a column time to them or first_day to [time], or leave days out"
        faults.append(Fault(file, WHERE, message, mend))
        return []
    if asked.listed is not None:
        days = list(asked.listed)
        places = [f"{WHERE}.list[{k}]" for k in range(len(days))]
    else:
        begins, ends = asked.begins or calendar.first, asked.to or calendar.last
        if ends < begins:
            message = f"{ends} is before {begins}"
            faults.append(Fault(file, f"{WHERE}.to", message, "let to be the later day"))
            return []
        step = 1 if asked.typical is not None else asked.every or 1
        count = (ends - begins).days // step + 1
        if begins < calendar.first or ends > calendar.last:
            day, key = (begins, "from") if begins < calendar.first else (ends, "to")
            faults.append(_outside(day, case, calendar, file, f"{WHERE}.{key}"))
            return []
        days = [begins + timedelta(days=k * step) for k in range(count)]
        places = [WHERE] * count
    if asked.typical is not None:
        return _typical(asked.typical, days[0], days[-1], case, calendar, file, faults)
    return _listed(days, places, case, calendar, file, faults)


def _excluded(asked: Any, ways: list[str], file: str, faults: list[Fault]) -> bool:
    """Append a fault for keys that do not go together; return whether there is one."""
    other = [k for k in ("from", "to", "every") if getattr(asked, k) is not None]
    wrong = []
    if "list" in ways:
        wrong = [*(w for w in ways if w != "list"), *other]
    elif "typical" in ways and asked.every is not None:
        wrong = ["every"]
    kept = "list" if "list" in ways else "typical"
    faults.extend(
        Fault(file, f"{WHERE}.{key}", f"{key} does not go with {kept}", "leave one of them out")
        for key in wrong
    )
    return bool(wrong)


def _outside(day: date, case: str, calendar: Calendar, file: str, where: str) -> Fault:
    message = f"{day} is outside the profiles of {case}"
    return Fault(file, where, message, f"give days from {calendar.first} to {calendar.last}")


def _listed(
    days: list[date],
    places: list[str],
    case: str,
    calendar: Calendar,
    file: str,
    faults: list[Fault],
) -> list[StudyDay]:
    """Return days that lie within the profiles, each once."""
    seen: set[date] = set()
    found = []
    for day, where in zip(days, places, strict=True):
        if day < (calendar.first or day) or day > (calendar.last or day):
            faults.append(_outside(day, case, calendar, file, where))
        elif day in seen:
            faults.append(Fault(file, where, f"{day} stands twice", "leave one out"))
        else:
            found.append(StudyDay(day))
        seen.add(day)
    return found


def _typical(
    count: int,
    begins: date,
    ends: date,
    case: str,
    calendar: Calendar,
    file: str,
    faults: list[Fault],
) -> list[StudyDay]:
    """Return days that stand for all between two days, each with how many it stands for."""
    where = f"{WHERE}.typical"
    if abs(calendar.hours * calendar.dt_h - DAY_H) > SAME_STEP_H:
        message = f"{case} runs {calendar.hours * calendar.dt_h:g} h at a time, not a day"
        faults.append(Fault(file, where, message, "list the days instead"))
        return []
    whole = {day: rows for day, rows in calendar.by_day().items() if begins <= day <= ends}
    if len(whole) < count:
        message = f"{case} has only {counted(len(whole), 'whole day')} from {begins} to {ends}"
        faults.append(Fault(file, where, message, f"give at most {len(whole)}"))
        return []
    days = sorted(whole)
    chosen = representatives([whole[day] for day in days], count, calendar.dt_h)
    # Days that lack a row stand behind the others: each chosen day stands for its share of all.
    share = ((ends - begins).days + 1) / len(days)
    return [StudyDay(days[k], weight * share) for k, weight in sorted(chosen.items())]


def representatives(days: list[pd.DataFrame], count: int, dt_h: float) -> dict[int, float]:
    """Return the positions of days that stand for all of them, and for how many each stands.

    Hierarchical clustering, each cluster represented by its medoid (tsam; Kotzur et al.,
    Renewable Energy 117, 2018, 474-487).

    Raises
    ------
    MachineError
        The package tsam is missing.
    """
    try:
        import tsam
    except ImportError as error:
        raise MachineError(NO_TSAM) from error
    frame = pd.concat(days, ignore_index=True)
    frame = frame.loc[:, frame.nunique() > 1]
    if frame.shape[1] == 0:
        return {0: float(len(days))}
    frame.index = pd.date_range("2001-01-01", periods=len(frame), freq=pd.Timedelta(hours=dt_h))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that rescaling moves, which are not used
        found = tsam.aggregate(frame, count, period_duration=DAY_H, temporal_resolution=dt_h)
    centres = found.clustering.cluster_centers
    counts = found.cluster_counts
    return {int(centre): float(counts[k]) for k, centre in enumerate(centres)}
