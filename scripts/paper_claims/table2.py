"""Table 2: ends of the front and the chosen solution."""

from __future__ import annotations

from cmgplan.planning.record.values import or_nan
from cmgplan.planning.report.goal import goal_in_words
from cmgplan.planning.report.subject import Subject
from paper_claims.claim import OWN_NUMBERS, Claim, near

PAPER_EC_RANGE_USD = 120.907 + 164.402


def _ends(s: Subject, column: str) -> tuple[float, float]:
    """Return an objective at the first and the last Pareto point that has values."""
    held = s.tables["pareto"].dropna(subset=[column]).sort_values("point")[column]
    return float(held.iloc[0]), float(held.iloc[-1])


def generation_cost_ends(s: Subject) -> Claim:
    """Table 2's first and last generation cost."""
    first, last = _ends(s, "gc_usd")
    return Claim(
        "generation cost, first to last solution",
        "3362.8 to 3521.3 $",
        f"{first:.1f} to {last:.1f} $",
        "10 % of each end",
        near(first, 3362.821, 0.1) and near(last, 3521.25, 0.1),
        OWN_NUMBERS,
        {"first_usd": first, "last_usd": last},
    )


def _proven(s: Subject) -> str:
    """Return how near to the optimum the run's points are proven to be, as a sentence."""
    certificate = s.summary.certificate
    gap = certificate.worst_gap
    if gap is None:
        return "The run has no proof of how near its points are to the optimum."
    size = (
        f"{gap:.2f} {certificate.unit}"
        if certificate.absolute
        else f"{100 * gap:.1f} % of the range of {goal_in_words(s.summary)}"
    )
    return f"The run's worst point is proven within {size}."


def emission_cost_ends(s: Subject) -> Claim:
    """Table 2's first and last emission cost."""
    first, last = _ends(s, "ec_usd")
    return Claim(
        "emission cost, first to last solution",
        "120.9 to -164.4 $",
        f"{first:.1f} to {last:.1f} $",
        "10 % of each end",
        near(first, 120.907, 0.1) and near(last, -164.402, 0.1),
        f"{OWN_NUMBERS} {_proven(s)}",
        {"first_usd": first, "last_usd": last},
    )


def loss_ends(s: Subject) -> Claim:
    """Table 2's first and last losses."""
    first, last = _ends(s, "loss_kwh")
    return Claim(
        "losses, first to last solution",
        "0 to 0.31 kW",
        f"{first:.2f} to {last:.2f} kWh",
        "0.1 kWh",
        abs(first) <= 0.1 and abs(last - 0.31) <= 0.1,
        "Table 2 and the 411 kW that section 4 sums over the same day cannot both hold; ours are "
        "the AC losses of every hour, added up.",
        {"first_kwh": first, "last_kwh": last},
    )


def chosen_solution(s: Subject) -> Claim:
    """Table 2's compromise."""
    pareto = s.tables["pareto"]
    row = pareto[pareto["selected"] == 1].iloc[0]
    point, mu_min, count = int(row["point"]), float(row["mu_min"]), len(pareto)
    named = s.summary.selected.rule == "override"
    return Claim(
        "chosen solution",
        "4 of 10, least membership 0.589",
        f"{point} of {count}, least membership {mu_min:.3f}",
        "the same number",
        point == 4 and count == 10,
        "It was named with --select, not chosen by membership."
        if named
        else "Where the front bends depends on the case's own numbers.",
        {"point": point, "points": count, "mu_min": mu_min},
    )


def compromise_emission(s: Subject) -> Claim:
    """Emission credit of the compromise."""
    ec_usd = or_nan(s.summary.selected.ec_usd)
    tolerance = 0.1 * PAPER_EC_RANGE_USD
    return Claim(
        "emission cost of the chosen solution",
        "-47.3 $, a credit",
        f"{ec_usd:.1f} $, a {'credit' if ec_usd < 0.0 else 'charge'}",
        f"{tolerance:.1f} $, 10 % of the range in Table 2",
        abs(ec_usd + 47.337) <= tolerance,
        f"It follows from the solution chosen and from the ends of the front. {_proven(s)}",
        {"ec_usd": ec_usd},
    )
