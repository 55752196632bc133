"""The hours of a plan picked out of a table of profiles, which may hold a whole year.

A row belongs to the interval that begins at its stamp. Days are those that the stamps write: a
zone after a stamp does not move it to another day. On a day on which clocks change the zones say
in which order and how far apart the rows stand; such a day has 23 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from cmgplan.case.records import TimeSection
from cmgplan.case.rows import number
from cmgplan.case.tables import Row, Table
from cmgplan.errors import Fault, InputError
from cmgplan.plurals import counted

TIME, HOUR = "time", "hour"

TIME_COLUMNS = frozenset({TIME, HOUR})
"""Columns that say when a row holds; all others are prices or forecasts."""

ALIKE = frozenset({"timestamp", "datetime", "date", "zeit", "hours"})
"""What such a column is called elsewhere."""

DAY_H = 24.0

_CLOCK = "where clocks change, write each stamp with its offset, as in 2016-10-30T02:00+01:00"


DAYS_ROWS = {24: 1.0, 48: 0.5, 96: 0.25, 144: 1.0 / 6.0, 288: 1.0 / 12.0}
"""Hours of an interval where a day has so many."""


SAME_STEP_H = 1e-4
"""Hours within which two steps are the same: a sixth of an hour has no end in digits."""


def intervals_of_day(rows: int) -> float | None:
    """Return the hours of each of so many intervals of a day, None where no day has so many."""
    return DAYS_ROWS.get(rows)


def whole_days(time: TimeSection) -> int:
    """Return how many days are planned, 0 where they are not whole."""
    days = time.hours * time.dt_h / DAY_H
    return round(days) if abs(days - round(days)) < SAME_STEP_H else 0


def begins_h(planned: Table) -> float:
    """Return the hour of the clock at which the first interval begins: midnight if not stamped."""
    if TIME not in planned.columns or not planned.rows:
        return 0.0
    stamp = datetime.fromisoformat(planned.rows[0].cells[TIME])
    return stamp.hour + stamp.minute / 60.0 + stamp.second / 3600.0


def rows_left(table: Table, time: TimeSection) -> bool:
    """Return whether a table holds rows of the last day planned after the last interval."""
    if time.day is None:
        return False
    end = datetime.combine(time.day, datetime.min.time())
    end += timedelta(hours=time.hours * time.dt_h)
    midnight = datetime.combine(end.date() + timedelta(days=1), datetime.min.time())
    if TIME in table.columns:
        stamps = (datetime.fromisoformat(row.cells[TIME]) for row in table.rows)
        return any(end <= stamp.replace(tzinfo=None) < midnight for stamp in stamps)
    if time.first_day is None:
        return False
    begin = round((time.day - time.first_day).days * DAY_H / time.dt_h)
    return len(table.rows) > begin + time.hours


def as_day(given: date | str | None) -> date | None:
    """Return a day given as text.

    Raises
    ------
    InputError
        The text is not a date.
    """
    if given is None or isinstance(given, date):
        return given
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise InputError(f"{given}: is not a day; write it as 2016-07-14") from error


def rows_of_plan(table: Table, time: TimeSection | None, faults: list[Fault]) -> Table | None:
    """Return the table with the rows of the hours to plan, in order.

    Faults are appended where they cannot be found; None says that nothing is left to read.
    ``time`` is None where case.toml does not say which hours are wanted.
    """
    if TIME in table.columns:
        return _by_stamp(table, time, faults)
    called = next((c for c in table.columns if c.casefold() in TIME_COLUMNS | ALIKE), None)
    if HOUR not in table.columns and called is not None:
        meant = HOUR if called.casefold() == HOUR else TIME
        message = f"the column {called} is not one that is known"
        mend = f"call it {meant}, in small letters"
        faults.append(Fault(table.file, "row 1", message, mend))
        return None
    if HOUR not in table.columns:
        mend = "add the hours 0.., or a column time"
        faults.append(Fault(table.file, "row 1", "the column hour is missing", mend))
        return table
    return _by_count(table, time, faults)


def _by_count(table: Table, time: TimeSection | None, faults: list[Fault]) -> Table | None:
    """Return the rows to plan of a table that numbers its hours."""
    counted = _check_hours(table, faults)
    if time is None or not table.whole:
        return table
    if time.day is None or time.first_day is None:
        if time.day is not None:
            message = f"the rows are only numbered, so that {time.day} cannot be found"
            mend = "add a column time, or say in [time] which first_day hour 0 belongs to"
            faults.append(Fault(table.file, "", message, mend))
        elif len(table.rows) != time.hours:
            faults.append(_wrong_length(table, time))
        return table
    begin = (time.day - time.first_day).days * DAY_H / time.dt_h
    start = round(begin)
    if counted and (begin != start or not 0 <= start <= len(table.rows) - time.hours):
        last = time.first_day + timedelta(hours=(len(table.rows) - time.hours) * time.dt_h)
        message = f"the {time.hours:,} rows of {time.day} are not all there"
        if time.hours == 1:
            message = f"the row of {time.day} is not there"
        mend = f"days from {time.first_day} to {last} are"
        faults.append(Fault(table.file, "", message, mend))
        return None
    return replace(table, rows=table.rows[start : start + time.hours])


def _wrong_length(table: Table, time: TimeSection) -> Fault:
    """Return the fault of a table with too many or too few rows."""
    message = f"it has {counted(len(table.rows), 'hour')} where time.hours is {time.hours}"
    mend = f"give the hours 0 to {time.hours - 1}"
    if len(table.rows) > time.hours:
        mend += "; or, to plan a day of long profiles, a column time and a day (--day)"
    step_h = intervals_of_day(len(table.rows))
    if step_h is not None and abs(step_h - time.dt_h) > SAME_STEP_H:
        mend += f"; or, if they are one day's rows, dt_h = {step_h:.6g} and "
        mend += f"hours = {len(table.rows)} in [time]"
    return Fault(table.file, "", message, mend)


def _check_hours(table: Table, faults: list[Fault]) -> bool:
    """Append a fault where the hours are not 0, 1, 2 and so on; return whether they are."""
    for hour, row in enumerate(table.rows):
        if number(row.cells[HOUR]) != hour:
            message = f'hour "{row.cells[HOUR]}" stands where hour {hour} belongs'
            mend = "number the hours 0, 1, 2, ... without a gap"
            faults.append(Fault(table.file, row.where, message, mend))
            return False
    return True


def _by_stamp(table: Table, time: TimeSection | None, faults: list[Fault]) -> Table | None:
    """Return the rows to plan of a table with a stamp in each row."""
    told = _stamps(table, faults)
    if told is None or time is None:
        return None
    stamps = _on_one_clock(told, time.day)
    if time.day is not None:
        start = datetime.combine(time.day, datetime.min.time())
    elif len(table.rows) == time.hours:
        start = stamps[0]
    else:
        message = (
            f"it has {counted(len(table.rows), 'row')} from {min(stamps).date()} to "
            f"{max(stamps).date()} where time.hours is {time.hours}"
        )
        mend = "pick the day to plan: --day 2016-07-14, or day = 2016-07-14 in [time]"
        mend = mend.replace("2016-07-14", str(min(stamps).date()))
        faults.append(Fault(table.file, "", message, mend))
        return None
    end = start + timedelta(hours=time.hours * time.dt_h)
    found = [
        (stamp, row)
        for stamp, row in zip(stamps, table.rows, strict=True)
        if time.day is None or start <= stamp < end
    ]
    fault = _window_fault(table, time, start, found) or _none_found(table, time, stamps, found)
    if fault is not None:
        faults.append(fault)
        return None
    return replace(table, rows=tuple(row for _, row in found))


def _none_found(
    table: Table, time: TimeSection, stamps: list[datetime], found: list[tuple[datetime, Row]]
) -> Fault | None:
    """Return a fault where no row belongs to the day."""
    if found:
        return None
    span = f"it runs from {min(stamps).date()} to {max(stamps).date()}"
    return Fault(table.file, "", f"there is no row of {time.day}", f"name another day; {span}")


def _window_fault(
    table: Table, time: TimeSection, start: datetime, found: list[tuple[datetime, Row]]
) -> Fault | None:
    """Return what keeps the rows found from being one for each interval, in order."""
    step = timedelta(hours=time.dt_h)
    rows: dict[datetime, Row] = {}
    for stamp, row in found:
        if stamp in rows:
            message = f"{stamp} stands there twice, first in {rows[stamp].where}"
            return Fault(table.file, row.where, message, f"leave one; {_CLOCK}")
        rows[stamp] = row
    wanted = [start + k * step for k in range(time.hours)]
    missing = [stamp for stamp in wanted if stamp not in rows]
    if found and missing:
        what = f"{missing[0]} is missing" + _more(len(missing) - 1)
        message = (
            f"{what}, one of {counted(time.hours, 'interval')} of {time.dt_h:g} h from {start}"
        )
        mend = f"add the row; {_CLOCK}"
        return Fault(table.file, "", message, _other_step(rows, time) or mend)
    for stamp, expected in zip(rows, wanted, strict=False):
        if stamp != expected:
            message = f"{stamp} stands where {expected} belongs"
            mend = f"sort the rows by time, one every {time.dt_h:g} h"
            return Fault(table.file, rows[stamp].where, message, _other_step(rows, time) or mend)
    if len(rows) > len(wanted):
        where = list(rows.values())[len(wanted)].where
        message = f"rows stand closer than time.dt_h, {time.dt_h:g} h"
        mend = "give one row for each interval"
        return Fault(table.file, where, message, _other_step(rows, time) or mend)
    return None


def _other_step(stamps: Iterable[datetime], time: TimeSection) -> str:
    """Return what would fit rows that all stand apart by another step; empty if they do not."""
    ordered = sorted(stamps)
    steps = {(after - before) for before, after in pairwise(ordered)}
    if len(steps) != 1:
        return ""
    step_h = steps.pop() / timedelta(hours=1)
    if step_h <= 0.0 or abs(step_h - time.dt_h) < 1e-9:
        return ""
    a_day = abs(time.hours * step_h - DAY_H) < SAME_STEP_H
    hours = time.hours if a_day else round(time.hours * time.dt_h / step_h)
    return f"the rows are {step_h:g} h apart: set dt_h = {step_h:g} and hours = {hours}"


def _stamps(table: Table, faults: list[Fault]) -> list[datetime] | None:
    """Return the stamp of every row with its zone, or append the first fault."""
    found: list[datetime] = []
    zoned = False
    for row in table.rows:
        text = row.cells[TIME]
        try:
            stamp = datetime.fromisoformat(text)
        except ValueError:
            message = f'time "{text}" is not a date and time' if text else "time is empty"
            faults.append(Fault(table.file, row.where, message, "write it as 2016-07-14 13:00"))
            return None
        if found and (stamp.tzinfo is not None) != zoned:
            message = f"time {text} {'has no' if zoned else 'has a'} zone, unlike the rows above"
            mend = "write all stamps with their zone, or none"
            faults.append(Fault(table.file, row.where, message, mend))
            return None
        zoned = stamp.tzinfo is not None
        found.append(stamp)
    return found


def _on_one_clock(stamps: list[datetime], day: date | None) -> list[datetime]:
    """Return stamps without zones, as the clock shows them that holds when the plan begins.

    A clock that changes in between is read on as if it had not, so that every row stands one
    interval after the one before.
    """
    first = next((stamp for stamp in stamps if day is None or stamp.date() == day), stamps[0])
    zone = first.tzinfo
    if zone is None:
        return stamps
    try:
        return [stamp.astimezone(zone).replace(tzinfo=None) for stamp in stamps]
    except OverflowError:  # of stamps in the first or last hours that a calendar has
        return [stamp.replace(tzinfo=None) for stamp in stamps]


def _more(count: int) -> str:
    return f" (and {count} more)" if count else ""
