"""What the paper of demand response claims of its study, beside a run of ``hmg3-response``.

The paper is the published study of demand response by price, emission and both in three home
microgrids: its abstract, sections 5 and 6, Table 1 and Figs. 7 to 12. It prints neither profiles
nor ratings nor prices, so those of the case are assumed: what holds or not is said of the case's
numbers, not of the authors'. Claims of one method are judged by the method of ours that comes
nearest to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cmgplan.errors import InputError
from cmgplan.response.report.read_run import ResponseRun
from paper_claims.claim import Claim

ASSUMED = "The paper prints no profiles, ratings or prices; those of the case are assumed."

RANGES = (
    "Offers of sun and stores are bounded by the forecast, (22) and (47), so that a price below it "
    "is in the ranges of the bids: drawn at random they give {drawn}."
)

POINTS = 0.05
"""Distance of shares within which they count as the same."""

BLOCKS = (-0.33, -0.44, -0.39, -0.47)
"""Printed distance of the MCP from its forecast in four blocks of six hours."""

BLOCK_NAMES = ("0-6", "6-12", "12-18", "18-24")

TABLE_1: Mapping[str, tuple[float, float, float, float]] = {
    "de": (6.03, 8.50, 7.85, 0.77),
    "bat": (5.40, 7.80, 7.71, 0.33),
    "pso": (6.03, 7.18, 6.54, 0.43),
}
"""Printed least, greatest, mean profit and deviation, GBP."""

SEARCHES = ("de", "bat", "pso")


def _percent(share: float | None, digits: int = 0) -> str:
    return "none" if share is None else f"{100.0 * share:.{digits}f} %"


def _ways(run: ResponseRun) -> list[str]:
    """Return the ways that may stand for the paper's methods, searches where they were run."""
    return [way for way in run.ways if way in SEARCHES] or run.ways


def _need(run: ResponseRun, key: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = run.record.claims.get(key, {})
    return found


def _told(values: Mapping[str, float]) -> str:
    return ", ".join(f"{way} {_percent(value)}" for way, value in values.items())


def emission_falls(run: ResponseRun) -> Claim:
    """Compare the emission with that of the same homes without flexibility."""
    rigid, moving = _need(run, "against_rigid"), _need(run, "moving_against_rigid")
    ours = rigid.get("emission_kg")
    values = {"all": ours, "moving": moving.get("emission_kg")}
    return Claim(
        "emission falls by 37 %",
        "37 % less",
        f"{_percent(ours)}; by load that moves alone {_percent(values['moving'], 1)}"
        if rigid
        else "nothing was compared",
        "32 to 42 % less",
        None if ours is None else abs(ours + 0.37) <= POINTS,
        "The paper names no baseline. Against the same homes without stores, moving load and "
        "free appliances, their engines run economically, most of the fall is the stores'; load "
        "that moves alone changes next to nothing, since it moves to cheap hours in which an "
        "engine serves it.",
        values,
    )


def profit_rises(run: ResponseRun) -> Claim:
    """Compare the profit with that of the same homes without flexibility."""
    rigid, moving = _need(run, "against_rigid"), _need(run, "moving_against_rigid")
    ours = rigid.get("money")
    values = {"all": ours, "moving": moving.get("money"), "profit": rigid.get("profit")}
    return Claim(
        "profit rises by 10 %",
        "10 % more",
        f"{_percent(ours)} before the price of emissions, {_percent(values['profit'])} with it; by "
        f"load that moves alone {_percent(values['moving'])}"
        if rigid
        else "nothing was compared",
        "5 to 15 % more",
        None if ours is None else abs(ours - 0.10) <= POINTS,
        "More than claimed, and most of it the stores'; load that moves alone is near the paper's "
        "number. A share of profit depends on what served load is counted for, a constant.",
        values,
    )


def below_forecast(run: ResponseRun) -> Claim:
    """Count the hours in which the MCP is below its forecast."""
    prices = _need(run, "price")
    ours = {way: prices[way]["electricity"]["below"] for way in run.ways}
    drawn = prices["exact"]["electricity"]["drawn_below"]
    return Claim(
        "the electric MCP is below its forecast in every hour",
        "in all hours, with every method",
        f"{_told(ours)} of hours; bids at random {_percent(drawn)}",
        "all hours, every method",
        all(share >= 1.0 for share in ours.values()),
        f"{RANGES.format(drawn=f'{_percent(drawn)} of hours')} Ours is the dual of the balance; "
        "in the last hours stored energy, worth more than the forecast, sets it.",
        {**ours, "drawn": drawn},
    )


def _block(k: int) -> Callable[[ResponseRun], Claim]:
    def claim(run: ResponseRun) -> Claim:
        prices = _need(run, "price")
        told = {way: prices[way]["electricity"]["blocks"][k] for way in run.ways}
        ours = {way: value for way, value in told.items() if value is not None}
        drawn = prices["exact"]["electricity"]["drawn_blocks"][k]
        best = min(ours.values(), default=None)
        return Claim(
            f"the MCP of hours {BLOCK_NAMES[k]} against its forecast, best method",
            _percent(BLOCKS[k]),
            f"{_told(ours)}; bids at random {_percent(drawn)}",
            "best method within 5 points",
            None if best is None else abs(best - BLOCKS[k]) <= POINTS,
            RANGES.format(drawn=_percent(drawn)),
            {**ours, "drawn": drawn},
        )

    return claim


def thermal_prices(run: ResponseRun) -> Claim:
    """Compare the thermal MCP of the best method with that of the weakest, by block."""
    prices = _need(run, "price")
    means: dict[str, list[float]] = {}
    for way in _ways(run):
        blocks = prices[way]["heat"]["blocks"]
        means[way] = [1.0 + value for value in blocks if value is not None]
    spreads = [
        1.0 - min(of) / max(of) if max(of) > 0.0 else 0.0
        for of in zip(*means.values(), strict=False)
    ]
    shown = ", ".join(_percent(spread) for spread in spreads)
    return Claim(
        "the thermal MCP of the best method is 49, 55, 38, 25 % below the weakest's, by block",
        "49, 55, 38, 25 %",
        shown if len(means) > 1 else "one method was run",
        "every block within 10 points",
        None
        if len(means) < 2
        else all(
            abs(a - b) <= 2.0 * POINTS
            for a, b in zip(spreads, (0.49, 0.55, 0.38, 0.25), strict=False)
        ),
        "Heat is not traded between the homes: each has its own price, that of the plant which "
        "would give a kWh more, and it is next to nothing in hours in which engines give more "
        "heat than is used. How far methods are apart is chance.",
        {way: list(of) for way, of in means.items()},
    )


def dear_share(run: ResponseRun) -> Claim:
    """Compare the share of cost of A's load in dear hours before and after it moves."""
    ours = _need(run, "dear")["exact"].get("A", {"before": 0.0, "after": 0.0})
    fall = ours["before"] - ours["after"]
    return Claim(
        "in A cost moves from expensive to cheap hours, 17 to 12 %",
        "5 points less",
        f"{_percent(ours['before'], 1)} to {_percent(ours['after'], 1)} of what A's load costs is "
        "in hours above the mean forecast",
        "not comparable",
        None,
        "What the 17 and 12 % are shares of is not said; ours is the share of dear hours, which "
        f"falls by {100.0 * fall:.1f} points.",
        ours,
    )


def shifted(run: ResponseRun) -> Claim:
    """Compare the share of electric load that moves in B and C."""
    moved = _need(run, "moved")
    ours = {f"{way} {home}": moved[way].get(home, 0.0) for way in _ways(run) for home in ("B", "C")}
    return Claim(
        "power shifts of 52 % (B, PSO) and 50 % (C, DE)",
        "52 and 50 %",
        f"{_told(ours)} of the electric load",
        "45 to 57 % anywhere",
        any(0.45 <= share <= 0.57 for share in ours.values()),
        "At most a quarter of an hour's load may leave it in the case, and only where sun does "
        "not serve it, so that half of the load cannot move. If the shares are of what moves by "
        "all methods together, they say nothing of the load.",
        ours,
    )


def most_in_a(run: ResponseRun) -> Claim:
    """Compare how much load moves in A with the other homes."""
    moved = _need(run, "moved")
    ours = {way: moved[way] for way in run.ways}
    same = {way: max(of, key=lambda home: of[home]) == "A" for way, of in ours.items() if of}
    return Claim(
        "load moves most in A, which responds to price",
        "in A, with BAT",
        "; ".join(f"{way}: {_told(of)}" for way, of in ours.items()),
        "A moves most in the exact answer",
        same.get("exact"),
        "Nothing but prices keeps load of A from moving; the masks of B and C do.",
        {way: dict(of) for way, of in ours.items()},
    )


def under_emax(run: ResponseRun) -> Claim:
    """Count the intervals in which emission is within Emax."""
    shares = run.record.share_under_emax
    ours = {way: shares[way].own or 0.0 for way in run.ways}
    total = shares["exact"].total
    return Claim(
        "emission is within Emax in more than 90 % of intervals",
        "over 90 %",
        f"own emission {_told(ours)}; exact with what is bought {_percent(total)}",
        "over 90 %, own emission, exact",
        ours["exact"] > 0.90,
        "B and C keep Emax in every hour since it is a limit there; for A it is a yardstick that "
        "nothing holds it to.",
        {**ours, "exact with bought": total},
    )


def _under(home: str, printed: float, with_whom: str) -> Callable[[ResponseRun], Claim]:
    def claim(run: ResponseRun) -> Claim:
        told = _need(run, "emission_under")
        ours = {way: told[way][home]["own"] for way in run.ways if home in told[way]}
        best = max(ours.values(), default=None)
        return Claim(
            f"{home}: emission {_percent(printed)} under the index ({with_whom})",
            _percent(printed),
            f"{_told(ours)} under it on the mean, own emission",
            "best method within 5 points",
            None if best is None else abs(best - printed) <= POINTS,
            "Emax is not printed; ours is the mean intensity of the grid times the mean demand. "
            "That A, without any term of emission, is better than B contradicts its policy.",
            ours,
        )

    return claim


def c_under(run: ResponseRun) -> Claim:
    """Count the hours in which C is within Emax."""
    homes = {way: run.record.share_under_emax[way].homes.get("C") for way in run.ways}
    ours = {way: of.total or 0.0 for way, of in homes.items() if of is not None}
    own = {way: of.own for way, of in homes.items() if of is not None}
    return Claim(
        "in C pollution is reduced in over 87 % of the time",
        "over 87 %",
        f"within Emax with what is bought: {_told(ours)}",
        "over 87 %, exact",
        ours.get("exact", 0.0) > 0.87,
        "Own emission of C is within Emax in every hour, which is a limit.",
        {**ours, "own": own},
    )


def table_1(run: ResponseRun) -> Claim:
    """Compare the profits of the searches."""
    there = [name for name in SEARCHES if name in run.record.methods]
    ours = {name: run.record.methods[name] for name in there}
    means = {name: told.profit_mean for name, told in ours.items()}
    order = sorted(means, key=lambda name: -means[name])
    exact = run.record.methods["exact"].profit.total
    rules = run.record.methods.get("rules")
    lost = ", ".join(
        f"{n} {t.profit_min:.2f} / {t.profit_max:.2f} / {t.profit_mean:.2f} / {t.profit_sd:.2f}"
        for n, t in ours.items()
    )
    beside = "" if rules is None else f", rules {rules.profit.total:.2f}"
    printed = "; ".join(
        f"{name} {' / '.join(f'{value:.2f}' for value in row)}" for name, row in TABLE_1.items()
    )
    return Claim(
        "Table 1: least, greatest, mean profit and deviation; DE is best, then BAT, then PSO",
        f"{printed} GBP",
        f"{lost} GBP; exact {exact:.2f}{beside}" if ours else "no search was run",
        "the order of the means",
        order == ["de", "bat", "pso"] if len(there) == 3 else None,
        "Nothing bounds the paper's numbers, and the profits are of other homes. Here all three "
        "stay far under the proven optimum; rules that search nothing stand beside them.",
        {name: told.model_dump(exclude={"profit", "objectives"}) for name, told in ours.items()},
    )


RESPONSE_CLAIMS: tuple[Callable[[ResponseRun], Claim], ...] = (
    emission_falls,
    profit_rises,
    below_forecast,
    *(_block(k) for k in range(4)),
    thermal_prices,
    dear_share,
    most_in_a,
    shifted,
    under_emax,
    _under("A", 0.73, "PSO, 16 to 22 h"),
    _under("B", 0.64, "PSO"),
    _under("C", 0.60, "DE"),
    c_under,
    table_1,
)
"""Every claim that can be compared, in the order of the paper."""


def response_claims(run: ResponseRun) -> list[Claim]:
    """Return every claim beside the run's answer.

    Raises
    ------
    InputError
        The run is of another case than the paper's homes.
    """
    if sorted(run.record.case.homes) != ["A", "B", "C"]:
        raise InputError(
            f"{run.folder}: is of case {run.record.case.name}; the paper's claims are about homes "
            "A, B and C, give a run of hmg3-response (cmgplan respond hmg3-response)"
        )
    return [claim(run) for claim in RESPONSE_CLAIMS]
