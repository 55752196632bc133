"""Warnings where intervals and their number do not fit the rows that the profiles hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.case.days import DAY_H, SAME_STEP_H, intervals_of_day, whole_days
from cmgplan.case.draft_parts import MOST_HOURS, TimedDraft
from cmgplan.case.explain import shown
from cmgplan.case.folder import CASE_FILE
from cmgplan.errors import Fault
from cmgplan.plurals import counted, noun

WHERE = "time.hours"


def check_time(draft: TimedDraft) -> Iterator[Fault]:
    """Yield a warning where the horizon looks like a day whose step is another one."""
    time = draft.time
    if time is None:
        return
    if draft.clock is None:
        message = f"{shown(time.hours)} intervals of {time.dt_h:g} h are more than a plan can have"
        mend = f"plan no more than {MOST_HOURS} intervals and hours"
        yield Fault(CASE_FILE, WHERE, message, mend)
        return
    if not draft.profiles:
        return
    count, are = counted(time.hours, "interval"), noun(time.hours, "is", "are")
    span = f"{count} of {time.dt_h:g} h {are} {time.hours * time.dt_h:g} h"
    days = whole_days(time)
    if not days and draft.rows_left:
        message = f"{span}, though {draft.profile_file} holds the rest of the day"
        whole = round(np.ceil(time.hours * time.dt_h / DAY_H) * DAY_H / time.dt_h)
        mend = f"to plan whole days, set dt_h = {time.dt_h:g} and hours = {whole}"
        yield Fault(CASE_FILE, WHERE, message, mend, "warning")
        return
    step_h = intervals_of_day(time.hours)
    if draft.stamped or step_h is None or abs(step_h - time.dt_h) < SAME_STEP_H:
        return
    if not days:
        a_day = round(DAY_H / time.dt_h)
        message = f"{span}, not a day"
        mend = (
            f"if the rows are a day's, set dt_h = {step_h:g}; if they are {time.dt_h:g} h long, "
            f"a day is hours = {a_day} with dt_h = {time.dt_h:g}"
        )
        yield Fault(CASE_FILE, WHERE, message, mend, "warning")
    elif _looks_like_one_day(draft):
        message = f"{span}, {counted(days, 'day')}, but the rows look like one day"
        mend = f"if they are one day's, set dt_h = {step_h:.6g} and hours = {time.hours}"
        yield Fault(CASE_FILE, WHERE, message, mend, "warning")


def _looks_like_one_day(draft: TimedDraft) -> bool:
    """Return whether the sun rises once, or, where no sun is forecast, no step was given."""
    forecasts = set(draft.sun_columns())
    suns = [draft.profiles[name] for name in forecasts if name in draft.profiles]
    suns = [sun for sun in suns if sun.any()]
    if suns:
        return all(_risings(sun > 0.0) == 1 for sun in suns)
    return draft.time is not None and "dt_h" not in draft.time.model_fields_set


def _risings(shines: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """Return how many stretches of sun there are."""
    return int(np.sum(np.diff(np.concatenate([[False], shines]).astype(int)) > 0))
