"""Rules for groups of jobs that may not run together."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.case.explain import shown
from cmgplan.case.folder import CASE_FILE
from cmgplan.devices import Job
from cmgplan.errors import Fault
from cmgplan.homes.case.draft import Draft, DraftHome
from cmgplan.plurals import counted


def check_groups(draft: Draft) -> Iterator[Fault]:
    """Yield groups of fewer than two jobs, and ids that are no job of the home or stand twice."""
    for home in draft.homes:
        if home.base is None or not home.whole:
            continue
        for k, group in enumerate(home.base.not_together):
            yield from _group(home, f"{home.where}.not_together[{k}]", group)


def _group(home: DraftHome, where: str, group: tuple[str, ...]) -> Iterator[Fault]:
    jobs = {placed.record.id for placed in home.devices if isinstance(placed.record, Job)}
    if len(group) < 2:
        message = f"a group of {counted(len(group), 'job')} keeps nothing apart"
        yield Fault(CASE_FILE, where, message, "name two jobs or more, or leave the group out")
    for job in dict.fromkeys(group):
        if job not in jobs:
            message = f"home {home.name} has no job {shown(job)}"
            mend = f"use one of: {', '.join(sorted(jobs))}" if jobs else "the home has no jobs"
            yield Fault(CASE_FILE, where, message, mend)
        elif group.count(job) > 1:
            message = f"{shown(job)} stands in the group {group.count(job)} times"
            yield Fault(CASE_FILE, where, message, "name each job once")
