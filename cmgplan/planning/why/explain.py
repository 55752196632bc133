"""Why a level has no schedule: the least limits that would have to give, and what else would do."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.explanation import Explanation, GivingLimit, Way, hours_in_words
from cmgplan.network.feeder import Feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.standing import held_open
from cmgplan.planning.model.switches import SwitchHours, allow
from cmgplan.planning.why.elastic_model import ElasticLevel, elastic_level
from cmgplan.planning.why.in_ac import enough_in_ac, operates
from cmgplan.planning.why.least_set import PROVEN, TRIAL_S, Least, LeastSearch
from cmgplan.planning.why.words import limits_of

TIME_LIMIT_S = 20.0
"""Seconds that an explanation may take; what else would do is left out where they are over."""

AC_S = 5.0
"""Seconds in which amounts are tried in AC when the time is over."""

OTHER_SINGLES = 2
"""Single limits that are named as doing instead of a single one."""

LEAST_SHARE = 0.995
"""Proven share of what gives from which less is said not to suffice."""


@dataclass(frozen=True)
class _Question:
    """A level without a schedule, with its elastic relaxation."""

    case: Case
    options: PlanOptions
    feeder: Feeder | None
    level: ElasticLevel
    search: LeastSearch
    deadline: float

    def numbers(self, *kinds: str) -> set[int]:
        """Return the numbers of the slacks of some kinds."""
        return {k for k, slack in enumerate(self.level.slacks) if slack.kind in kinds}


def explain_grid(
    case: Case, options: PlanOptions, feeder: Feeder, mask: SwitchHours
) -> Explanation | None:
    """Say why Level 4 has no schedule that serves all load; None if that is not proven."""
    question = _question(case, options, feeder, mask)
    every = set(range(len(question.level.slacks)))
    least = question.search.irreducible(every)
    if least is None or not least.given or least.bound <= PROVEN:
        return None
    ways = [_way(question, least), *_other_ways(question, least)]
    return Explanation(
        "Level 4",
        "there is no schedule that serves all load, proved by the convex relaxation",
        tuple(ways),
        tuple(_options_that_do(question)),
        tuple(_notes(question, least)),
    )


def explain_islanded(
    case: Case, options: PlanOptions, level: int, mask: SwitchHours
) -> Explanation | None:
    """Say why Level 1, 2 or 3 has no schedule; None if that is not proven."""
    question = _question(case, options, None, mask)
    least = question.search.irreducible(set(range(len(question.level.slacks))))
    if least is None or not least.given or least.bound <= PROVEN:
        return None
    way = _way(question, least)
    fleets = any(limit.kind in ("departure", "soc_min", "soc_end") for limit in way.limits)
    alone = ", where each microgrid stands alone," if level == 1 else ""
    return Explanation(
        f"Level {level}",
        f"no schedule without the feeder{alone} is possible, proved by HiGHS. Loads may go "
        "unserved there, fleets and reactive power may not",
        (way,),
        notes=("a source within reach of the fleets would do instead",) if fleets else (),
    )


def _question(
    case: Case, options: PlanOptions, feeder: Feeder | None, mask: SwitchHours
) -> _Question:
    deadline = time.perf_counter() + TIME_LIMIT_S
    level = elastic_level(case, options, mask, feeder)
    return _Question(case, options, feeder, level, LeastSearch(level, deadline), deadline)


def _way(question: _Question, least: Least) -> Way:
    """Return limits with amounts that are enough, and what is proven of them."""
    limits = limits_of(question.level, question.feeder, least)
    proven = least.bound / max(least.value, PROVEN)
    if question.feeder is None:
        return Way(tuple(limits), _proven_in_words(limits, proven))
    until = max(question.deadline, time.perf_counter() + AC_S)
    confirmed = enough_in_ac(
        question.case, question.options, limits, _shed(question, least), least, until
    )
    if confirmed is None:
        told = _proven_in_words(limits, proven)
        return Way(tuple(limits), f"{told}; whether it is enough in AC was not found out")
    grown = max(
        after.amount / before.amount for after, before in zip(confirmed, limits, strict=True)
    )
    told = _proven_in_words(limits, proven / grown)
    return Way(tuple(confirmed), f"{told}; enough for Level 4, shown by an AC operation")


def _proven_in_words(limits: Sequence[GivingLimit], share: float) -> str:
    """Say how much of what is told is proven to be needed."""
    alone, less = ("these", "less in all") if len(limits) > 1 else ("this limit", "less")
    if share >= LEAST_SHARE:
        return f"with {alone} alone {less} does not suffice: proved"
    return f"with {alone} alone at least {math.floor(100.0 * share):d} % of it is needed: proved"


def _shed(question: _Question, least: Least) -> dict[str, dict[int, float]]:
    """Return the load that goes unserved, by microgrid and hour."""
    loads = question.numbers("load")
    return {
        question.level.slacks[k].place[0]: {int(t): kw for t, kw in giving.hourly.items()}
        for k, giving in least.given.items()
        if k in loads
    }


def _other_ways(question: _Question, least: Least) -> Iterator[Way]:
    """Yield other single limits that would do where one does, then load that is not served."""
    loads, search = question.numbers("load"), question.search
    taken: set[int] = set(least.given)
    for _ in range(OTHER_SINGLES if len(least.given) == 1 else 0):
        found = _within_time(question, set(range(len(question.level.slacks))) - loads - taken)
        if found is None or len(found.given) != 1:
            break
        taken |= set(found.given)
        yield _way(question, found)
    if set(least.given) <= loads or search.left_s <= 0.0:
        return
    found = search.least(loads, TRIAL_S)
    if found is not None and found.given:
        yield _way(question, found)


def _within_time(question: _Question, allowed: Collection[int]) -> Least | None:
    return question.search.irreducible(allowed) if question.search.left_s > 0.0 else None


def _options_that_do(question: _Question) -> Iterator[str]:
    """Yield options of the plan under which there would be a schedule, shown in AC."""
    options, case, feeder = question.options, question.case, question.feeder
    full = allow(case, ("microgrid", "cluster", "grid"))
    mask = question.level.mask
    masked = any(not np.array_equal(mask[s], full[s]) for s in full)
    tried: list[tuple[str, PlanOptions, SwitchHours]] = []
    if options.radial and case.ties:
        meshed = options.model_copy(update={"radial": False})
        tried.append(("switches may form loops (radial = false)", meshed, mask))
    if options.hierarchy == "levels" and masked:
        joint = options.model_copy(update={"hierarchy": "joint"})
        tried.append(('every switch may close in every hour (hierarchy = "joint")', joint, full))
    for told, changed, allowed in tried:
        if question.search.left_s <= 0.0:
            return
        level = elastic_level(case, changed, allowed, feeder)
        found = LeastSearch(level, question.deadline).least((), TRIAL_S)
        if found is not None and operates(case, changed, (), {}, found):
            yield told


def _notes(question: _Question, least: Least) -> Iterator[str]:
    """Yield where a connection could help but may not close, and what was left out."""
    yield from held_open(question.case, question.options, question.level.mask)
    for mg, hours in _shed(question, least).items():
        pcc = question.case.microgrid(mg).pcc.id
        closed_off = [t for t, kw in hours.items() if kw > 0.0 and not question.level.mask[pcc][t]]
        if closed_off:
            yield (
                f"{pcc} may not close in hours {hours_in_words(closed_off)}, as Level 3 left "
                "nothing over there"
            )
    if question.search.left_s <= 0.0:
        yield f"stopped after {TIME_LIMIT_S:g} s: other ways may have been left out"
