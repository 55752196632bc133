"""Several leaders at once, each for itself, over one following group: best responses in turn.

Each leader's best response is its exact problem with what the others put into the market given.
All incomes are counted at one common set of clearing prices. Counted by each leader at the prices
best for it, incomes would add up to more than there is, and what stops moving would look like an
equilibrium without being one. What is reported is the day in which the greatest gain from
deviating is least, with that gain, and a proven bound of it; pure equilibria need not exist.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import LimitError
from cmgplan.homes.dispatch import Dispatch
from cmgplan.market.leading.groups import face_of, least
from cmgplan.market.leading.owner import clearing_prices, limited
from cmgplan.market.leading.prices import Prices, spread
from cmgplan.market.leading.settle import incomes, settled_day
from cmgplan.market.leading.settlement import Worth
from cmgplan.market.leading.uniform import Starter, Uniform
from cmgplan.market.model.boxes import followers_program
from cmgplan.market.model.plant import Plant

MOVES = 12
"""Moves of leaders after which the search ends."""

SAME_KW = 0.05
"""Quantities, kW, within which a profile is one that was seen before."""

Group = tuple[str, ...]


@dataclass(frozen=True)
class Profile:
    """What every leader puts into the market, and what follows from it at common prices.

    Attributes
    ----------
    quantity
        By leader, kW, shape (2, T).
    income
        By leader, currency.
    prices
        Common clearing prices of the followers.
    """

    quantity: Mapping[Group, FloatArray]
    income: Mapping[Group, float]
    prices: Prices


@dataclass(frozen=True)
class Equilibrium:
    """The day in which leaders would gain least by deviating.

    Attributes
    ----------
    found
        Whether no leader gains more than the tolerance.
    gain, gain_bound
        By leader: what its best response found would gain, and at most could, currency. They
        count the response at the prices best for the leader, and the day at the common ones.
    tolerance
        Gain that counts as none, currency.
    moves
        Number of moves that were made.
    ended
        Why the search ended: ``no gain``; ``repeats`` where a profile came again, ``no day``
        where a move left none, ``moves`` or ``time`` where these ran out.
    income
        By home, currency, at the common prices.
    prices, low, high, unique
        As in a settlement, each of shape (2, T).
    quantity
        By leader: what it puts into the market, kW, shape (2, T).
    """

    found: bool
    gain: Mapping[Group, float]
    gain_bound: Mapping[Group, float]
    tolerance: float
    moves: int
    ended: str
    income: Mapping[str, float]
    prices: FloatArray
    low: FloatArray
    high: FloatArray
    unique: BoolArray
    quantity: Mapping[Group, FloatArray]
    dispatch: Dispatch
    seconds: float = 0.0


@dataclass(frozen=True)
class _Response:
    """A leader's best response: shaded quantities, its income and the proven bound, currency."""

    quantity: FloatArray
    income: float
    bound: float


@dataclass
class _Held:
    """The profile of least greatest gain so far."""

    profile: Profile
    responses: Mapping[Group, _Response]
    gains: Mapping[Group, float] = field(default_factory=dict)

    @property
    def greatest(self) -> float:
        return max(self.gains.values())


class Leaders:
    """Leaders over one following group; see ``answer``."""

    def __init__(
        self,
        plant: Plant,
        leading: Sequence[Group],
        following: Group,
        *,
        gap: float,
        tolerance: float,
        time_limit_s: float,
        starter: Starter | None = None,
        starts_from: int = 0,
    ) -> None:
        self.plant, self.leading, self.following = plant, tuple(leading), following
        self.gap, self.tolerance = gap, tolerance
        self._begun = time.perf_counter()
        self._ends = self._begun + time_limit_s
        self._start = {"starter": starter, "starts_from": starts_from}
        wide = np.full(plant.case.hours, limited(plant))
        self._program, self._boxes = followers_program(plant, following, wide)

    def answer(self) -> Equilibrium:
        """Return the day of least greatest gain among those that best responses lead to.

        Raises
        ------
        LimitError
            Time ran out before the gains of the first day were known.
        """
        nothing = np.zeros((2, self.plant.case.hours))
        at = self._profile(dict.fromkeys(self.leading, nothing))
        if at is None:
            raise LimitError("the followers cannot balance on their own")
        seen, best, ended, moves = [at], None, "moves", 0
        while True:
            held = self._weighed(at)
            if held is None:
                ended = "time"
                break
            if best is None or held.greatest < best.greatest:
                best = held
            if held.greatest <= self.tolerance:
                ended = "no gain"
                break
            if moves == MOVES:
                break
            moves += 1
            mover = max(held.gains, key=held.gains.__getitem__)
            following = {**at.quantity, mover: held.responses[mover].quantity}
            moved = self._profile(following)
            if moved is None or any(_same(moved, other) for other in seen):
                ended = "no day" if moved is None else "repeats"
                break
            seen.append(moved)
            at = moved
        if best is None:
            raise LimitError("no day of the leaders was weighed in the time given; give more time")
        return self._told(best, moves, ended)

    def _left(self) -> float:
        return self._ends - time.perf_counter()

    def _profile(self, quantity: Mapping[Group, FloatArray]) -> Profile | None:
        """Return a profile at common prices; None where it cannot be."""
        total = np.sum(list(quantity.values()), axis=0)
        program = self._program.at(self._program.quantities(total))
        found = least(program)
        if found is None:
            return None
        prices = clearing_prices(program, face_of(program, self._boxes, found[1]))
        income = {}
        for leader, put in quantity.items():
            own = self.plant.reduced_group(leader)
            cost = least(own.at(-own.quantities(put)))
            if cost is None:
                return None
            paid = float(prices.price @ self._program.quantities(put))
            income[leader] = (paid - cost[0]) * self.plant.unit
        return Profile(quantity, income, prices)

    def _weighed(self, at: Profile) -> _Held | None:
        """Return a profile with every leader's best response; None where time is over."""
        responses: dict[Group, _Response] = {}
        for k, leader in enumerate(self.leading):
            if self._left() <= 0.0:
                return None
            share = self._left() / (2.0 * (len(self.leading) - k))
            response = self._response(at, leader, max(share, 1.0))
            if response is None:
                return None
            responses[leader] = response
        gains = {
            leader: max(response.income - at.income[leader], 0.0)
            for leader, response in responses.items()
        }
        return _Held(at, responses, gains)

    def _response(self, at: Profile, leader: Group, seconds: float) -> _Response | None:
        """Return a leader's best response to the others of a profile; None where there is none."""
        others = np.sum(
            [put for group, put in at.quantity.items() if group != leader]
            or [np.zeros((2, self.plant.case.hours))],
            axis=0,
        )
        worth = self._worth(leader, others)
        if worth is None:
            return None
        problem = Uniform(
            self.plant,
            leader,
            self.following,
            worth,
            gap=self.gap,
            time_limit_s=seconds,
            given=others,
            **self._start,  # type: ignore[arg-type]
        )
        try:
            quantity, income, bound = problem.response()
        except LimitError:
            return None
        return _Response(quantity, income, bound)

    def _worth(self, leader: Group, others: FloatArray) -> Worth | None:
        """Return what leader and followers are worth where the others' quantities are given."""
        together = self.plant.reduced_group((*leader, *self.following))
        both = least(together.at(together.quantities(others)))
        alone = least(self._program.at(self._program.quantities(others)))
        if both is None or alone is None:
            return None
        own, unit = self.plant.cost_of(leader), self.plant.unit
        return Worth(-both[0] * unit, -own, -alone[0] * unit)

    def _told(self, best: _Held, moves: int, ended: str) -> Equilibrium:
        case, at = self.plant.case, best.profile
        per_kwh = self.plant.unit / case.dt_h
        price, low, high = (
            per_kwh * spread(at.prices, values, case.hours)
            for values in (at.prices.price, at.prices.low, at.prices.high)
        )
        total = np.sum(list(at.quantity.values()), axis=0)
        blocks = [(leader, put) for leader, put in at.quantity.items()]
        day = settled_day(self.plant, [*blocks, (self.following, -total)])
        return Equilibrium(
            found=best.greatest <= self.tolerance,
            gain=best.gains,
            gain_bound={
                leader: max(response.bound - at.income[leader], best.gains[leader])
                for leader, response in best.responses.items()
            },
            tolerance=self.tolerance,
            moves=moves,
            ended=ended,
            income=incomes(case, day, price),
            prices=price,
            low=low,
            high=high,
            unique=spread(at.prices, (~at.prices.unique).astype(float), case.hours) == 0.0,
            quantity=at.quantity,
            dispatch=day,
            seconds=time.perf_counter() - self._begun,
        )


def _same(one: Profile, other: Profile) -> bool:
    """Return whether two profiles hold the same quantities."""
    return all(
        float(np.abs(one.quantity[leader] - other.quantity[leader]).max()) < SAME_KW
        for leader in one.quantity
    )
