"""What the paper of the apartment building claims of its day and month, beside a run.

The paper is "A Novel Techno-Economic Multi-Level Optimization in Home-Microgrids with Coalition
Formation Capability", sections 5.2 and 5.3. Its load and price curves are not printed; those of
``apartment5`` were fitted to the printed totals, so that agreement shows a reading that can give
them, not the authors' curves. The month's curves are drawn, and fitted to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from paper_claims.claim import Claim

FITTED = "The curves of apartment5 are fitted to the printed totals, not the authors'."

DRAWN = (
    "The paper prints neither the month's loads nor their distribution; ours are drawn, and the "
    "value depends on how much they vary."
)

MONTH = 31

TOTALS: tuple[tuple[str, str, float, float, float, str], ...] = (
    ("spare CHP before storage", "spare_chp_kwh", 122.3, 149.14, 0.05, "kWh"),
    ("batteries charged from CHP", "battery_charge_kwh", 84.0, 67.08, 0.05, "kWh"),
    ("batteries discharged to load", "battery_discharge_kwh", 65.6, 35.25, 0.05, "kWh"),
    ("bought from the grid", "grid_kwh", 1.5, 58.69, 0.05, "kWh"),
    ("CHP generation", "chp_kwh", 648.84, 634.02, 0.2, "kWh"),
    ("heat short at first", "heat_short_1_kwh", 189.76, 207.19, 0.8, "kWh"),
    ("heat short after exchange", "heat_short_2_kwh", 169.34, 207.19, 0.8, "kWh"),
    ("heat of boilers", "boiler_kwh", 160.90, 188.31, 0.8, "kWh"),
    ("heat unserved", "heat_unserved_kwh", 0.0, 18.87, 0.8, "kWh"),
    ("cost of the day", "cost", 23.95, 25.60, 0.01, "GBP"),
)
"""Name, key, printed with and without the coalition, tolerance, unit (section 5.2)."""

IMPROVED: tuple[tuple[str, str, float], ...] = (
    ("cost", "cost", 6.248),
    ("electricity from the grid", "grid_kwh", 80.607),
    ("heat unserved", "heat_unserved_kwh", 99.966),
    ("heat dumped", "heat_dumped_kwh", 100.0),
)
"""Name, key and printed improvement of the month, per cent (section 5.3, Table 6)."""

SHARE = 0.2
"""Share of a printed improvement within which the month's counts as the same."""

CARS: Mapping[str, tuple[tuple[float, float, float], ...]] = {
    "coalition": ((1.5, 3.0, 0.0),) * 5,
    "alone": ((1.5, 3.0, 0.0), (1.1, 3.0, 0.4), *((1.5, 3.0, 0.0),) * 3),
}
"""What the cars of the five units give in the paper's hours 17, 18 and 19, kW: Tables 3, 4."""

CAR_HOURS = (16, 17, 18)

CAR_KW = 0.06


def building_claims(summary: Mapping[str, Any], steps: pd.DataFrame) -> list[Claim]:
    """Return every claim about the day and the month beside a run's answer.

    Parameters
    ----------
    summary
        Keys of run.json: ``coalition``, ``alone``, ``units``, ``days``.
    steps
        The table ``steps.csv``.
    """
    claims = [_total(summary, *row) for row in TOTALS]
    claims.append(_saving(summary))
    claims += [_cars(steps, way) for way in CARS]
    return claims + [_improvement(summary["days"], *row) for row in IMPROVED]


def _total(
    summary: Mapping[str, Any],
    name: str,
    key: str,
    coalition: float,
    alone: float,
    tolerance: float,
    unit: str,
) -> Claim:
    ours = summary["coalition"][key], summary["alone"][key]
    same = abs(ours[0] - coalition) <= tolerance and abs(ours[1] - alone) <= tolerance
    return Claim(
        f"{name}, with and without the coalition",
        f"{coalition:g} and {alone:g} {unit}",
        f"{ours[0]:.2f} and {ours[1]:.2f} {unit}",
        f"{tolerance:g} {unit}",
        same,
        FITTED,
        {"coalition": ours[0], "alone": ours[1]},
    )


def _saving(summary: Mapping[str, Any]) -> Claim:
    ours = 100.0 * (1.0 - summary["coalition"]["cost"] / summary["alone"]["cost"])
    return Claim(
        "the coalition saves of the cost",
        "6.445 % by the printed costs (6.644 % in the text, a misprint)",
        f"{ours:.3f} %",
        "0.05 %",
        abs(ours - 6.445) <= 0.05,
        FITTED,
        {"per_cent": ours},
    )


def _cars(steps: pd.DataFrame, way: str) -> Claim:
    rows = steps[(steps["way"] == way) & (steps["step"] == "E8")]
    given = {(row["unit"], row["hour"]): float(row["p_kw"]) for row in rows.to_dict("records")}
    units = list(dict.fromkeys(unit for unit, _ in given))
    ours = [tuple(given.get((unit, hour), 0.0) for hour in CAR_HOURS) for unit in units]
    printed = CARS[way]
    same = len(ours) == len(printed) and all(
        len(mine) == len(theirs)
        and all(abs(a - b) <= CAR_KW for a, b in zip(mine, theirs, strict=True))
        for mine, theirs in zip(ours, printed, strict=True)
    )

    def told(rows: list[tuple[float, ...]]) -> str:
        kinds = {row: rows.count(row) for row in rows}
        texts = [" / ".join(f"{kw:.2f}" for kw in row) for row in kinds]
        return ", ".join(
            f"{text} ({count} units)" for text, count in zip(texts, kinds.values(), strict=True)
        )

    rounded = [tuple(round(kw, 2) for kw in row) for row in ours]
    return Claim(
        f"cars give in the paper's hours 17, 18, 19, {way}",
        f"{told(list(printed))} kW",
        f"{told(rounded)} kW",
        f"{CAR_KW:g} kW",
        same,
        FITTED,
        {str(unit): list(row) for unit, row in zip(units, ours, strict=True)},
    )


def _improvement(days: list[Mapping[str, Any]], name: str, key: str, printed: float) -> Claim:
    ours, same = f"the run has {len(days)} stochastic days", None
    values: dict[str, float] = {}
    if len(days) >= MONTH:
        sums = [sum(day[way][key] for day in days[:MONTH]) for way in ("coalition", "alone")]
        ours = "none in either mode"
        if sums[1] > 0.0:
            per_cent = 100.0 * (1.0 - sums[0] / sums[1])
            ours, same = f"{per_cent:.3f} %", abs(per_cent - printed) <= SHARE * printed
            values = {"per_cent": per_cent}
    return Claim(
        f"over a month of {MONTH} days the coalition improves: {name}",
        f"{printed:g} %",
        ours,
        f"a share of {SHARE:g}",
        same,
        DRAWN,
        values,
    )
