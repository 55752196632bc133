"""What is doubtful about a finished market, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cmgplan.market.leading.settlement import LEAST_SURPLUS, Worth
from cmgplan.market.model.choices import Commitment
from cmgplan.market.model.values import Values, lacking
from cmgplan.market.result import StructureResult

SOME_SHARE = 0.01
"""Share of a surplus from which it is told what other on/off choices might bring."""


def doubts(
    found: Sequence[StructureResult], commitment: Commitment, values: Values, gap: float
) -> tuple[str, ...]:
    """Return a sentence on everything that is doubtful about homes and structures.

    Parameters
    ----------
    gap
        Share of a surplus that counts as none.
    """
    return (
        *_homes(commitment),
        *_nothing_found(found, commitment, values, gap),
        *_kept_choices(found, commitment, values),
    )


def _homes(commitment: Commitment) -> Iterator[str]:
    """Yield what is doubtful about the homes of a market."""
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


def _nothing_found(
    found: Sequence[StructureResult], commitment: Commitment, values: Values, gap: float
) -> Iterator[str]:
    """Yield the structures in which the search held nothing better than standing alone."""
    unit = commitment.whole.case.file.currency
    for s in found:
        if not s.following or s.status == "optimal":
            continue
        alone = values[s.leading]
        worth = Worth(values[(*s.leading, *s.following)], alone, values[s.following])
        if s.leader_income - alone <= gap * max(worth.surplus, LEAST_SURPLUS):
            yield (
                f"in {s.name} nothing better was found than that each group stands alone, which "
                f"is not proven the best: leaders earn {s.leader_income:.6g} {unit} and might "
                f"earn up to {s.gap:.4g} more, {100.0 * s.gap_share:.3g} % of the surplus; give "
                "more time (--time-limit)"
            )


def _kept_choices(
    found: Sequence[StructureResult], commitment: Commitment, values: Values
) -> Iterator[str]:
    """Yield the structures in which followers' own choices leave much on the table."""
    for s in found:
        if not s.following or commitment.own(s.following) is None:
            continue
        sure = values[s.following]
        everybody = values[(*s.leading, *s.following)]
        missed = everybody - sure - s.bound
        if missed > SOME_SHARE * (everybody - sure - values[s.leading]):
            names = ", ".join(commitment.named(s.following))
            yield (
                f"in {s.name} followers keep the on/off choices that they make alone ({names}), "
                f"whatever leaders offer; bound and gap are of these choices, and with others "
                f"leaders might earn up to {missed:.4g} more"
            )
