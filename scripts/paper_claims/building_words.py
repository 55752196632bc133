"""What the paper's printed numbers of its building imply of each other, and what it says in words.

A run counts hours 0..23, the paper 1..24.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.report.read_run import BuildingRun
from cmgplan.building.report.way_tables import WayTables
from cmgplan.building.result import WAYS
from cmgplan.homes.case.records import HomesCase
from paper_claims.building import FITTED, building_claims
from paper_claims.claim import Claim

ELECTRIC_KWH, SALE_KWH, HEAT_KWH = 0.05, 0.2, 0.8
"""When two numbers count as the same: half a digit of the print and what the fit leaves."""


@dataclass(frozen=True)
class BuildingSubject:
    """A run of the building, its case and its tables as arrays."""

    run: BuildingRun
    case: HomesCase
    ways: dict[str, WayTables]

    @classmethod
    def of(cls, run: BuildingRun) -> BuildingSubject:
        """Return the subject of a run."""
        case = run.load_case()
        return cls(run, case, {way: WayTables(case, run.tables, way) for way in WAYS})

    def total(self, way: str, key: str) -> float:
        """Return a total of run.json."""
        return float(getattr(self.run.record.ways()[way], key))

    def kwh(self, values: FloatArray) -> float:
        """Return the energy of powers in kW."""
        return self.case.dt_h * float(values.sum())


def number(
    name: str, paper: float, ours: float, tolerance: float, why: str, key: str = "value"
) -> Claim:
    """Return a claim about one number, the same within a tolerance."""
    return Claim(
        name,
        f"{paper:g}",
        f"{ours:.3f}",
        f"{tolerance:g}",
        abs(ours - paper) <= tolerance + 1e-9,
        why,
        {key: ours},
    )


def capacity(s: BuildingSubject) -> Claim:
    """Return the electric capacity of all CHPs over the day: gas input times efficiency."""
    ours = sum(
        s.kwh(s.ways[way].steps(("E6", "E7"), "p_kw")) + s.total(way, "spare_chp_kwh")
        for way in WAYS
    ) / len(WAYS)
    why = "Table 1's capacities are gas: 0.34 x 81 kW x 24 h; as electricity they give 1944 kWh."
    name = "electric output that the CHPs' capacities allow, kWh"
    return number(name, 660.96, ours, ELECTRIC_KWH, why, "kwh")


def deficit(s: BuildingSubject) -> Claim:
    """Return what units lack after wind, sun and charging cars, from what covers it."""
    printed = {"coalition": 538.66 + 22.5 + 65.6 + 1.5, "alone": 511.82 + 22.5 + 35.25 + 58.69}
    ours = {
        way: s.kwh(of.steps(("E6", "E7", "E8", "E10", "E11"), "p_kw")) for way, of in s.ways.items()
    }
    same = all(abs(ours[way] - printed[way]) <= ELECTRIC_KWH for way in WAYS)
    return Claim(
        "shortage covered by CHPs, cars, batteries and network, kWh, with and without coalition",
        "628.26 and 628.26",
        f"{ours['coalition']:.3f} and {ours['alone']:.3f}",
        f"{ELECTRIC_KWH:g}",
        same and abs(ours["coalition"] - ours["alone"]) <= ELECTRIC_KWH,
        FITTED,
        ours,
    )


def engines_sold(s: BuildingSubject) -> Claim:
    """Return what CHPs sell: the printed output less what the other printed energies leave."""
    ours = {way: s.total(way, "chp_sold_kwh") for way in WAYS}
    same = all(
        abs(ours[way] - printed) <= SALE_KWH
        for way, printed in (("coalition", 26.18), ("alone", 55.12))
    )
    return Claim(
        "CHP output sold, kWh, with and without coalition",
        "26.18 and 55.12",
        f"{ours['coalition']:.2f} and {ours['alone']:.2f}",
        f"{SALE_KWH:g}",
        same,
        FITTED,
        ours,
    )


def nothing_dumped(s: BuildingSubject) -> Claim:
    """Return what heat is dumped on the day."""
    ours = {way: s.total(way, "heat_dumped_kwh") for way in WAYS}
    return Claim(
        "heat dumped on the day, kWh, with and without coalition",
        "0 and 0",
        f"{ours['coalition']:.2f} and {ours['alone']:.2f}",
        f"{ELECTRIC_KWH:g}",
        max(ours.values()) <= ELECTRIC_KWH,
        FITTED,
        ours,
    )


def heat_of_more_output(s: BuildingSubject) -> Claim:
    """Return whether less heat is short by just the heat of the CHPs' greater output."""
    heat = {way: s.kwh(of.plant(("chp",), "heat_kw")) for way, of in s.ways.items()}
    more = heat["coalition"] - heat["alone"]
    less = s.total("alone", "heat_short_1_kwh") - s.total("coalition", "heat_short_1_kwh")
    return Claim(
        "less heat short at first, and more heat of CHPs, in the coalition, kWh",
        "17.43 and 17.43",
        f"{less:.2f} and {more:.2f}",
        f"{HEAT_KWH:g} of each other, and of the paper",
        abs(less - more) <= HEAT_KWH and max(abs(less - 17.43), abs(more - 17.43)) <= HEAT_KWH,
        "The two agree where the coalition has no more surplus heat than units alone; on the "
        "fitted day its surplus, which tanks and others take, is a little greater.",
        {"less_short_kwh": less, "more_heat_kwh": more},
    )


def own_tanks(s: BuildingSubject) -> Claim:
    """Return what units' own tanks give in either way: printed shortages less boilers."""
    ours = {
        way: s.kwh(
            np.maximum(-of.step("T2", "left_heat_kw"), 0.0)
            - np.maximum(-of.step("T3", "left_heat_kw"), 0.0)
        )
        for way, of in s.ways.items()
    }
    same = abs(ours["coalition"] - 8.44) <= HEAT_KWH and ours["alone"] <= HEAT_KWH
    return Claim(
        "heat from units' own tanks, kWh, with and without coalition",
        "8.44 and 0",
        f"{ours['coalition']:.2f} and {ours['alone']:.2f}",
        f"{HEAT_KWH:g}",
        same,
        FITTED,
        ours,
    )


def sold_less(s: BuildingSubject) -> Claim:
    """Return whether all units together sell less in the coalition."""
    ours = {way: s.kwh(of.exchange("export_kw")) for way, of in s.ways.items()}
    return Claim(
        "energy sold, with and without coalition",
        "more without coalition",
        f"{ours['coalition']:.2f} and {ours['alone']:.2f} kWh",
        "",
        ours["alone"] > ours["coalition"],
        "",
        ours,
    )


def sold_at_peak(s: BuildingSubject) -> Claim:
    """Return when CHPs sell least: in the dearest hours."""
    retailer = s.case.file.retailer
    buy = np.zeros(s.case.hours) if retailer is None else s.case.series(retailer.buy_per_kwh)
    dear = np.argsort(-buy)[: s.case.hours // 4]
    shares = {}
    for way, of in s.ways.items():
        sold = of.sold().engine_kw.sum(axis=1)
        shares[way] = float(sold[dear].sum() / sold.sum()) if sold.sum() > 0.0 else 0.0
    return Claim(
        "CHP output sold in the dearest quarter of the hours",
        "least at peak hours",
        f"{100 * shares['coalition']:.1f} and {100 * shares['alone']:.1f} % of what is sold",
        "a quarter of what is sold",
        all(share < 0.25 for share in shares.values()),
        "",
        shares,
    )


def sale_price(s: BuildingSubject) -> Claim:
    """Return whether offers to the market are under its price in every hour."""
    retailer = s.case.file.retailer
    above = np.zeros(1)
    if retailer is not None:
        above = s.case.series(retailer.sell_per_kwh) - s.case.series(retailer.buy_per_kwh)
    return Claim(
        "price of offers to the market",
        "always lower than the market's",
        f"in {int((above < 0.0).sum())} of {len(above)} hours",
        "every hour",
        bool((above < 0.0).all()),
        "At the peak hour the case's price coefficient is 1, so that both prices are the same.",
        {"hours_below": int((above < 0.0).sum())},
    )


def used_up(s: BuildingSubject) -> Claim:
    """Return what batteries still hold at the end of the day."""
    left, held = {}, sum(b.capacity_kwh for h in s.case.homes for b in getattr(h, "storage", ()))
    for way, of in s.ways.items():
        left[way] = float(of.plant(("storage",), "soc_kwh")[-1].sum())
    return Claim(
        "energy left in the batteries at the end",
        "almost used",
        f"{left['coalition']:.2f} and {left['alone']:.2f} of {held:g} kWh",
        "5 % of what they hold",
        all(kwh <= 0.05 * held for kwh in left.values()),
        "Without coalition batteries of units with spare CHP output are charged again in the last "
        "hour.",
        left,
    )


IDENTITIES: tuple[Callable[[BuildingSubject], Claim], ...] = (
    capacity,
    deficit,
    engines_sold,
    heat_of_more_output,
    own_tanks,
)
"""What the printed numbers imply of each other, without a fitted number."""

TEXT: tuple[Callable[[BuildingSubject], Claim], ...] = (
    nothing_dumped,
    sold_less,
    sold_at_peak,
    sale_price,
    used_up,
)
"""What section 5.2 says in words."""


def compare(s: BuildingSubject) -> list[Claim]:
    """Return every claim of the paper about the day and the month beside the run's answer."""
    record = s.run.record.model_dump()
    printed = building_claims(record, s.run.tables["steps"])
    return [*printed, *(claim(s) for claim in (*IDENTITIES, *TEXT))]
