"""A finished run of the market as the result that it was written from."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.day.read_tables import read_dispatch
from cmgplan.market.report.read_run import MarketRun, members, ways_of
from cmgplan.market.report.run_record import StructureRecord
from cmgplan.market.result import (
    CARRIERS,
    Equilibrium,
    MarketOptions,
    MarketResult,
    PriceTable,
    StructureResult,
)


def result_of(run: MarketRun, case: HomesCase) -> MarketResult:
    """Return the day of a run's case as a result; its scenarios are left out."""
    record = run.record
    options = record.options.model_dump()
    return MarketResult(
        case=case,
        options=MarketOptions(
            **{**options, "structures": (), "leaders": tuple(options["leaders"])}
        ),
        gap=record.gap,
        structures=tuple(_structure(run, case, told) for told in record.structures),
        values=record.values,
        games=record.games,
        fixed={name: tuple(values) for name, values in record.fixed.items()},
        fixed_gap=record.fixed_gap,
        backstopped=tuple(record.backstopped),
        equilibrium=_equilibrium(run, case),
    )


def _structure(run: MarketRun, case: HomesCase, told: StructureRecord) -> StructureResult:
    """Return a structure; quantities are what its leaders give the pool in the tables."""
    day = read_dispatch(case, run.tables, told.structure, members(told))
    before = told.before_shading_kw
    pool = [day.exchange[home] for home in (told.leading if told.following else ())]
    nothing = np.zeros(case.hours)
    return StructureResult(
        name=told.structure,
        leading=tuple(told.leading),
        following=tuple(told.following),
        status=told.status,
        stopped=told.stopped,
        method=told.method,
        income=told.income,
        leader_income=told.leader_income,
        follower_income=told.follower_income,
        bound=told.bound,
        gap=told.gap,
        gap_share=told.gap_share,
        pessimistic_income=told.pessimistic_income,
        optimistic_income=told.optimistic_income,
        prices=_prices(run, case, told.structure),
        quantity_kw=np.array(
            [
                sum((part.pool_kw for part in pool), nothing),
                sum((part.pool_heat_kw for part in pool), nothing),
            ]
        ),
        dispatch=day,
        own_choices={name: tuple(values) for name, values in told.own_choices.items()},
        before_shading_kw=(
            np.array([before["electricity"], before["heat"]]) if len(before) == 2 else None
        ),
        wide_hours=tuple(told.wide_hours),
    )


def _equilibrium(run: MarketRun, case: HomesCase) -> Equilibrium | None:
    told = run.record.equilibrium
    if told is None:
        return None
    day: Dispatch = read_dispatch(
        case, run.tables, told.structure, ways_of(run.record)[told.structure]
    )
    return Equilibrium(
        name=told.structure,
        leaders=tuple(tuple(group) for group in told.leaders),
        following=tuple(told.following),
        status=told.status,
        stopped=told.stopped,
        enough=told.enough,
        gain=told.gain,
        bound=told.bound,
        income=told.income,
        rounds=told.rounds,
        prices=_prices(run, case, told.structure),
        dispatch=day,
        own_choices={name: tuple(values) for name, values in told.own_choices.items()},
    )


def _prices(run: MarketRun, case: HomesCase, way: str) -> PriceTable:
    """Return the prices of a way; zero where a carrier is not traded."""
    mcp = run.tables["mcp"]
    rows = mcp[mcp["way"] == way]
    found = {name: np.zeros((2, case.hours)) for name in ("price", "low", "high")}
    unique, traded = np.ones((2, case.hours), dtype=bool), [False, False]
    for k, carrier in enumerate(CARRIERS):
        mine: pd.DataFrame = rows[rows["carrier"] == carrier].sort_values("hour")
        if len(mine):
            traded[k] = True
            for name, table in found.items():
                table[k] = mine[f"{name}_per_kwh"].to_numpy(np.float64)
            unique[k] = mine["unique"].to_numpy() == 1
    return PriceTable(found["price"], found["low"], found["high"], unique, (traded[0], traded[1]))
