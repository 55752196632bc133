"""What the paper of the coalition market claims of its study, beside a run of ``hmg3``.

The paper is Valinejad et al., coalition formation of home microgrids in a market of electricity
and heat; its section VI and Figs. 6 to 10. It prints no profiles, so those of the case are
assumed: what holds or not is said of the case's numbers, not of the authors'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cmgplan.errors import InputError
from cmgplan.market.report.read_run import MarketRun
from paper_claims.claim import Claim

WANTED = ("A", "B", "C", "A|B+C", "B|A+C", "C|A+B", "A+B|C", "A+C|B", "B+C|A")
"""Structures of the study, leaders before the bar."""

LED = WANTED[3:]

ASSUMED = "The paper prints no profiles, efficiencies or gas price; those of the case are assumed."

NEAR = 0.1
"""Share by which figures of the paper and ours may differ and still count as the same."""


def _incomes(run: MarketRun) -> dict[str, Mapping[str, float]]:
    return {s.structure: s.income for s in run.record.structures}


def _mean_mcp(run: MarketRun, way: str) -> float:
    mcp = run.tables["mcp"]
    rows = mcp[(mcp["way"] == way) & (mcp["carrier"] == "electricity")]
    return float(rows["price_per_kwh"].mean())


def _shifted(run: MarketRun, way: str, home: str) -> float:
    """Return the share of a home's electric load that leaves its hour."""
    rows = run.tables["demand_response"]
    rows = rows[(rows["way"] == way) & (rows["home"] == home) & (rows["carrier"] == "electricity")]
    return float(rows["down_kw"].sum() / rows["before_kw"].sum())


def price_falls(run: MarketRun) -> Claim:
    """Compare the mean electric price of {A, BC} and {B, AC}."""
    first, second = _mean_mcp(run, "A|B+C"), _mean_mcp(run, "B|A+C")
    fall = 1.0 - second / first
    return Claim(
        "electric MCP from {A, BC} to {B, AC}",
        "about 33 % lower",
        f"{100.0 * fall:.0f} % lower ({first:.4f} to {second:.4f} GBP/kWh on the mean)",
        "falls by a quarter to two fifths",
        0.25 <= fall <= 0.4,
        f"The sign holds. {ASSUMED}",
        {"from": first, "to": second},
    )


def gains_of_c(run: MarketRun) -> Claim:
    """Compare C's income alone with that in every structure."""
    incomes = _incomes(run)
    alone = incomes["C"]["C"]
    least = min(incomes[way]["C"] for way in LED)
    return Claim(
        "C gains in every coalition",
        "income rises wherever C joins",
        f"{alone:.1f} alone, {least:.1f} at worst with others",
        "no structure is worse than alone",
        least >= alone - 0.01,
        "As a follower C is left with what it has alone: leaders take nearly all of the surplus.",
        {"alone": alone, **{way: incomes[way]["C"] for way in LED}},
    )


def _best(home: str, claimed: str, shown: str) -> Callable[[MarketRun], Claim]:
    def claim(run: MarketRun) -> Claim:
        incomes = {way: income[home] for way, income in _incomes(run).items() if home in income}
        best = max((way for way in incomes if way in LED), key=lambda way: incomes[way])
        return Claim(
            f"{home} earns most in {shown}",
            shown,
            f"{best} ({incomes[best]:.1f}; {claimed} gives {incomes[claimed]:.1f})",
            f"{claimed} is best, or within 1 GBP of it",
            incomes[claimed] >= incomes[best] - 1.0,
            ASSUMED,
            incomes,
        )

    return claim


def a_near_its_best(run: MarketRun) -> Claim:
    """Compare A's income in {AC, B} with its best."""
    incomes = {way: _incomes(run)[way]["A"] for way in LED}
    best, found = max(incomes.values()), incomes["A+C|B"]
    return Claim(
        "A's income in {AC, B} is near its greatest",
        "close to the maximum",
        f"{found:.1f} where the best is {best:.1f}",
        f"within {100 * NEAR:.0f} % of it",
        abs(found - best) <= NEAR * abs(best),
        ASSUMED,
        incomes,
    )


def a_harmed_with_b(run: MarketRun) -> Claim:
    """Compare A's income alone with that of leading with B."""
    incomes = _incomes(run)
    alone, found = incomes["A"]["A"], incomes["A+B|C"]["A"]
    return Claim(
        "leading with B harms A",
        "A earns far less than alone",
        f"{found:.1f} where alone it earns {alone:.1f}",
        "less than alone",
        found < alone,
        "What a member of a leading group gets depends on how the group shares: here all settle "
        "at the pool's prices, at which the group's own exchange is worth little to A or much.",
        {"alone": alone, "leading with B": found},
    )


def b_helped_with_c(run: MarketRun) -> Claim:
    """Compare B's income alone with that of leading with C."""
    incomes = _incomes(run)
    alone, found = incomes["B"]["B"], incomes["B+C|A"]["B"]
    return Claim(
        "leading with C helps B",
        "useful for B",
        f"{found:.1f} where alone it earns {alone:.1f}",
        "more than alone",
        found > alone,
        ASSUMED,
        {"alone": alone, "leading with C": found},
    )


def b_better_alone(run: MarketRun) -> Claim:
    """Compare B's income alone with that in every structure."""
    incomes = _incomes(run)
    alone = incomes["B"]["B"]
    best = max(incomes[way]["B"] for way in LED)
    return Claim(
        "B earns more alone than in coalitions",
        "significantly more alone",
        f"{alone:.1f} alone, up to {best:.1f} with others",
        "no structure is better than alone",
        best <= alone,
        "No home can lose by trading at a price that clears: followers never earn less than alone.",
        {"alone": alone, **{way: incomes[way]["B"] for way in LED}},
    )


def shift_of_a(run: MarketRun) -> Claim:
    """Compare the share of A's load that moves alone and in {A, BC}."""
    alone, led = _shifted(run, "A", "A"), _shifted(run, "A|B+C", "A")
    return Claim(
        "A's shifted share falls in coalition",
        "55 % alone, 21 % in {A, BC}",
        f"{100.0 * alone:.0f} % alone, {100.0 * led:.0f} % in A|B+C",
        "falls",
        led < alone,
        "Prices in the pool spread more over the day than the retailer's, so A shifts more. At "
        "most 30 % of an hour's load may leave it in the case, so that 55 % cannot be.",
        {"alone": alone, "A|B+C": led},
    )


def shift_of_b(run: MarketRun) -> Claim:
    """Compare the share of B's load that moves alone and with others."""
    alone = _shifted(run, "B", "B")
    shares = {way: _shifted(run, way, "B") for way in LED}
    most = max(shares.values())
    return Claim(
        "B's shifted share rises in coalition",
        "30 % alone, 42 to 50 % with others",
        f"{100.0 * alone:.0f} % alone, up to {100.0 * most:.0f} % with others",
        "rises",
        most > alone,
        f"At most 30 % of an hour's load may leave it in the case. {ASSUMED}",
        {"alone": alone, **shares},
    )


def shift_of_c(run: MarketRun) -> Claim:
    """Count the hours in which C's load leaves and arrives, alone."""
    rows = run.tables["demand_response"]
    mine = rows[(rows["way"] == "C") & (rows["home"] == "C") & (rows["carrier"] == "electricity")]
    down, up = ((mine[name] > 1e-6).mean() for name in ("down_kw", "up_kw"))
    lost = float(mine["down_kw"].sum() - mine["up_kw"].sum())
    return Claim(
        "C alone shifts out in 83 % of hours, in in 17 %, and more out than in",
        "DR- far greater than DR+",
        f"out in {100.0 * down:.0f} %, in in {100.0 * up:.0f} % of hours; "
        f"{lost:.2f} kWh more out than in",
        "more hours out than in, more energy out than in",
        bool(down > up and lost > 0.01),
        "Shifting conserves energy, eq. (6): what leaves arrives. So DR- cannot exceed DR+.",
        {"down_hours": float(down), "up_hours": float(up), "lost_kwh": lost},
    )


def price_of_c_alone(run: MarketRun) -> Claim:
    """Compare the electric price of C alone with that of A and B alone."""
    prices = {home: _mean_mcp(run, home) for home in ("A", "B", "C")}
    return Claim(
        "C's electric MCP is lowest alone",
        "the lowest of the three",
        ", ".join(f"{home} {price:.4f}" for home, price in prices.items()) + " GBP/kWh",
        "C's is the lowest",
        prices["C"] == min(prices.values()),
        "Alone C buys all of its electricity from the retailer, at the highest price there is.",
        prices,
    )


def same_price(run: MarketRun) -> Claim:
    """Compare the electric prices of four structures that the paper calls alike."""
    ways = ("A|B+C", "A+C|B", "B+C|A", "C|A+B")
    prices = {way: _mean_mcp(run, way) for way in ways}
    low, high = min(prices.values()), max(prices.values())
    return Claim(
        "four structures have the same electric MCP",
        "{A, BC}, {AC, B}, {BC, A} and {C, AB} alike",
        ", ".join(f"{way} {price:.4f}" for way, price in prices.items()) + " GBP/kWh",
        f"within {100 * NEAR:.0f} %",
        high <= (1.0 + NEAR) * low,
        "Who leads sets the price: a leader that sells keeps it high, one that buys keeps it low.",
        prices,
    )


MARKET_CLAIMS: tuple[Callable[[MarketRun], Claim], ...] = (
    price_falls,
    gains_of_c,
    _best("C", "A+C|B", "{AC, B}"),
    _best("A", "A|B+C", "{A, BC}"),
    a_near_its_best,
    a_harmed_with_b,
    b_helped_with_c,
    b_better_alone,
    shift_of_a,
    shift_of_b,
    shift_of_c,
    price_of_c_alone,
    same_price,
)
"""Every claim of section VI that can be compared, in the order of the paper's figures."""


def market_claims(run: MarketRun) -> list[Claim]:
    """Return every claim beside the run's answer.

    Raises
    ------
    InputError
        The run lacks a structure of the paper's study.
    """
    there = {s.structure for s in run.record.structures}
    missing = [way for way in WANTED if way not in there]
    if missing:
        raise InputError(
            f"{run.folder}: lacks {', '.join(missing)}; give a run of all structures of hmg3 "
            "(cmgplan market hmg3)"
        )
    return [claim(run) for claim in MARKET_CLAIMS]
