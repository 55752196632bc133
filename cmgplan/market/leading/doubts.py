"""What is doubtful about homes, on/off choices and structures, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.market.case.structures import Structure
from cmgplan.market.leading.settlement import LEAST_SURPLUS, Settlement, Worth
from cmgplan.market.model.choices import Commitment
from cmgplan.market.model.values import lacking

SOME_SHARE = 0.01
"""Share of a surplus from which it is told what other on/off choices might bring."""


def of_homes(commitment: Commitment) -> Iterator[str]:
    """Yield what is doubtful about the homes of a market, and about their on/off choices."""
    worth = {"electricity": "its value", "heat": "the ceiling of the price of heat"}
    for carrier, price in worth.items():
        for home, kwh in lacking(commitment, carrier).items():
            yield (
                f"home {home} cannot serve {kwh:.4g} kWh of its {carrier} alone; the pool does, "
                f"or it stays unserved at {price}"
            )
    for home in commitment.whole.backstopped:
        yield (
            f"what has to run in home {home} (jobs, appliances, cars, stores) has no day alone; "
            "what the pool does not serve comes from a backstop at the value of unserved load"
        )
    yield from _choices(commitment)
    for home in sorted(commitment.stuck):
        held = ", ".join(name for name in commitment.whole.fixed if name.split(".")[0] == home)
        yield (
            f"home {home} has no day alone with the on/off choices that suit all homes together "
            f"({held}); it, and every group with it short of all, makes its own"
        )


def _choices(commitment: Commitment) -> Iterator[str]:
    """Yield the on/off choices over which the time ran out."""
    mend = "what follows is of these choices; give more time (--time-limit)"
    plant = commitment.whole
    if plant.fixing_gap > 0.0:
        yield (
            f"time ran out over the on/off choices of all homes, after {plant.fixing_s:.3g} s: "
            f"their gap is {100.0 * plant.fixing_gap:.3g} %; {mend}"
        )
    for group, gap in commitment.own_gap.items():
        if gap > 0.0:
            yield (
                f"time ran out over the on/off choices of {'+'.join(sorted(group))} alone: "
                f"their gap is {100.0 * gap:.3g} %; {mend}"
            )


def of_structure(
    structure: Structure, settled: Settlement, worth: Worth, commitment: Commitment, gap: float
) -> Iterator[str]:
    """Yield what is doubtful about a structure with followers.

    Parameters
    ----------
    gap
        Share of the surplus that counts as none.
    """
    gained = settled.leader_income - worth.leading
    if settled.status != "optimal" and gained <= gap * max(worth.surplus, LEAST_SURPLUS):
        more, unit = settled.bound - settled.leader_income, commitment.whole.case.file.currency
        yield (
            f"in {structure.name} nothing better was found than that each group stands alone, "
            f"which is not proven the best: leaders earn {settled.leader_income:.6g} {unit} and "
            f"might earn up to {more:.4g} more, {100.0 * worth.share(more):.3g} % of the surplus; "
            "give more time (--time-limit)"
        )
    # Followers' own choices may leave much on the table.
    missed = worth.bound - settled.bound
    followers = structure.following
    if commitment.own(followers) is not None and missed > SOME_SHARE * worth.surplus:
        names = ", ".join(commitment.named(followers))
        yield (
            f"in {structure.name} followers keep the on/off choices that they make alone "
            f"({names}), whatever leaders offer; bound and gap are of these choices, and with "
            f"others leaders might earn up to {missed:.4g} more"
        )
