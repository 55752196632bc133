"""Properties that must hold whatever is drawn: of readers, of fronts and of run folders.

Each is a function of drawn values; ``PROPERTIES`` says how they are drawn. The tests try a few
examples of each, always the same, and ``scripts/fuzz.py`` as many new ones as time allows.
"""

from __future__ import annotations

import atexit
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from altered_inputs import changed_text, document_edits, edited, text_edits
from factories import BUSES, LINES, PROFILES, as_toml, small_case
from generated import generated_case
from hypothesis import strategies as st
from matpower_text import GOLDEN, branch, bus, gen, matpower
from plans import EVERY_KIND, quick, small
from test_front_proofs import GAP_USD, IDLE_USD, LOCAL_USD, instance, questions, score
from variants import VARIANTS, Variant

from cmgplan.errors import CmgplanError
from cmgplan.network.feeder import build_feeder
from cmgplan.network.files.networks import Missing
from cmgplan.network.grid import Grid
from cmgplan.planning.case import Case, check_case, load_case
from cmgplan.planning.case.network import read_network
from cmgplan.planning.levels.level4 import GridAnswer, GridConnection
from cmgplan.planning.model.switches import allow
from cmgplan.planning.pipeline import plan
from cmgplan.planning.report.run_folder import write_run
from cmgplan.search.table import read_solutions, select

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

from altered_runs import ALLOWED, COMMANDS, alter, ending

LONGEST_MESSAGE = 20_000
"""Characters that a message may have: what a file holds is quoted in short."""

FILLED = Missing(price_usd_per_mwh=20.0, power_limit_mva=1000.0, v_limits_pu=(0.9, 1.1))


@dataclass(frozen=True)
class Property:
    """What must hold of anything drawn.

    Attributes
    ----------
    name
        Words for the report of a search.
    holds
        Raises AssertionError, or anything unexpected, where it does not.
    drawn
        How its arguments are drawn.
    examples
        How many the tests try.
    room
        What it is about: readers, fronts or runs.
    """

    name: str
    holds: Callable[..., None]
    drawn: tuple[st.SearchStrategy[Any], ...]
    examples: int
    room: str


# Readers: an answer or a message


def refused(error: CmgplanError) -> None:
    """Assert that a message can be read and says that the input was bad."""
    told = str(error)
    assert error.exit_code == 2, told[:500]
    assert 10 < len(told) < LONGEST_MESSAGE, f"{len(told)} characters: {told[:500]}"


def is_sound(grid: Grid) -> None:
    """Assert that a grid holds numbers, and buses that are there."""
    for values in (grid.p_load_pu, grid.q_load_pu, grid.branches.r_pu, grid.branches.x_pu):
        assert np.isfinite(values).all()
    ends = np.concatenate([grid.branches.from_bus, grid.branches.to_bus, grid.generators.bus])
    assert len(grid.reference) > 0
    assert ((ends >= 0) & (ends < len(grid.bus_ids))).all()


@cache
def matpower_texts() -> Sequence[str]:
    """Return files to begin with: by hand, with segments, with statements, published."""
    buses = [bus(1, kind=3), bus(2, 40, 10), bus(3, 30, 5)]
    lines = [branch(1, 2), branch(2, 3, rate=60.0), branch(1, 3)]
    segments = [[1, 0, 0, 3, 0, 0, 50, 1000, 100, 2500], [2, 0, 0, 3, 0.02, 20, 0, 0, 0, 0]]
    by_hand = matpower(buses, [gen(1), gen(3)], lines, segments)
    tail = "mpc.bus(:, [3, 4]) = mpc.bus(:, [3, 4]) / 1e3;\n"
    return (
        by_hand,
        matpower(buses, [gen(1)], lines, tail=tail),
        (GOLDEN / "pglib_case14_ieee" / "network.m").read_text(encoding="utf-8"),
    )


def a_matpower_file_is_read_or_refused(which: int, edits: Sequence[Any]) -> None:
    _network_is_read_or_refused("network.m", changed_text(matpower_texts()[which], edits))


@cache
def pandapower_document() -> Any:
    """Return a network of many tables as pandapower saves it, its tables decoded."""
    import pandapower as pp

    net = pp.create_empty_network()
    one, two, three, low = (pp.create_bus(net, kv) for kv in (10.0, 10.0, 10.0, 0.4))
    pp.create_ext_grid(net, one, min_p_mw=-9, max_p_mw=9, min_q_mvar=-9, max_q_mvar=9)
    for a, b in ((one, two), (two, three)):
        pp.create_line_from_parameters(net, a, b, 1.0, 0.1, 0.1, 10.0, 0.4)
    pp.create_transformer(net, three, low, "0.4 MVA 10/0.4 kV")
    pp.create_load(net, low, 0.1, 0.02, scaling=0.9)
    pp.create_sgen(net, two, 0.1, controllable=True, min_p_mw=0, max_p_mw=0.2)
    pp.create_gen(net, three, 0.1, min_p_mw=0, max_p_mw=1, min_q_mvar=-1, max_q_mvar=1)
    pp.create_storage(net, two, 0.1, 1.0)
    pp.create_shunt(net, two, 0.01)
    pp.create_ward(net, two, 0.01, 0.0, 0.01, 0.0)
    pp.create_motor(net, low, 0.02, 0.9)
    pp.create_switch(net, two, 1, et="l")
    pp.create_poly_cost(net, 0, "ext_grid", 30.0)
    pp.create_pwl_cost(net, 0, "gen", [[0, 0.5, 20], [0.5, 1, 25]])
    document = json.loads(pp.to_json(net, None))
    for name, table in document["_object"].items():
        if isinstance(table, dict) and isinstance(table.get("_object"), str):
            document["_object"][name]["_object"] = json.loads(table["_object"])
    return document


def a_pandapower_file_is_read_or_refused(edits: Sequence[Any]) -> None:
    document = edited(pandapower_document(), edits)
    tables = document.get("_object") if isinstance(document, dict) else None
    for table in tables.values() if isinstance(tables, dict) else ():
        if isinstance(table, dict) and not isinstance(table.get("_object", ""), str):
            table["_object"] = json.dumps(table["_object"])
    _network_is_read_or_refused("network.json", json.dumps(document))


def _network_is_read_or_refused(name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            grid = read_network(path, FILLED).grid
        except CmgplanError as error:
            refused(error)
        else:
            is_sound(grid)


def a_case_is_read_or_every_fault_is_told(edits: Sequence[Any], tables: Sequence[Any]) -> None:
    document = edited(small_case(), edits)
    texts = {"buses.csv": BUSES, "lines.csv": LINES, "profiles.csv": PROFILES}
    try:
        texts["case.toml"] = as_toml(document)
    except (AttributeError, TypeError):  # nothing that TOML can hold
        return
    for name, changes in zip(sorted(texts), tables, strict=False):
        texts[name] = changed_text(texts[name], changes)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        _case_is_read_or_told(Path(folder))


def _case_is_read_or_told(folder: Path) -> None:
    faults = check_case(folder)
    assert all(fault.message and fault.mend for fault in faults)
    assert all(len(str(fault)) < LONGEST_MESSAGE for fault in faults)
    try:
        case = load_case(folder)
    except CmgplanError as error:
        assert error.exit_code == 2
        assert any(fault.severity == "error" for fault in faults)
    else:
        assert all(fault.severity == "warning" for fault in faults)
        assert all(np.isfinite(values).all() for values in case.profiles.values())


SOLUTIONS = "name,cost,emission,losses\na,1,9,3\nb,2,5,2\nc,4,1,1\nd,,2,\n"


def a_table_of_solutions_is_read_or_refused(edits: Sequence[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "solutions.csv"
        path.write_bytes(changed_text(SOLUTIONS, edits).encode("utf-8", "surrogatepass"))
        try:
            chosen = select(read_solutions(path, ["cost", "emission"]))
        except CmgplanError as error:
            refused(error)
        else:
            assert 0.0 <= chosen["mu_min"] <= 1.0
            least = [min(mu.values()) for mu in chosen["memberships"] if mu is not None]
            assert chosen["mu_min"] == max(least)


# Fronts of small instances


def bound_optimum_and_value_are_in_order(seed: int) -> None:
    """No bound is over the best of all schedules, no value under it."""
    try:
        instance(seed)
    except ValueError as error:  # the lot gave a case without a choice, or one too large
        assert "schedules" in str(error)
        return
    for asked in questions(seed):
        answer, best = asked.answer, asked.best
        if best is None:
            assert answer.operation is None
            continue
        assert answer.operation is not None, answer.reason
        assert answer.bound is not None
        least, value = score(asked.weights, best), score(asked.weights, answer.operation)
        assert answer.bound <= least + LOCAL_USD
        assert value >= least - LOCAL_USD


def another_way_to_write_a_case_moves_no_bound_past_a_value(seed: int, kind: str) -> None:
    """Values and bounds of two equal problems enclose one optimum."""
    case = generated_case(seed, microgrids=2 + seed % 2, hours=2, weak=seed % 5 == 0)
    variant = VARIANTS[kind](case, np.random.default_rng(seed))
    weights = {"gc_usd": 1.0, "ec_usd": 0.5, "loss_kwh": 0.5}
    one = _answered(case, weights)
    other = _answered(variant.case, _scaled(weights, variant))
    factor = variant.money
    assert one.operation is not None, one.reason
    assert other.operation is not None, other.reason
    assert one.bound is not None
    assert other.bound is not None
    value = score(weights, one.operation)
    again = score(_scaled(weights, variant), other.operation)
    near = LOCAL_USD + 1e-6 * abs(value)
    assert other.bound <= factor * (value + near)
    assert factor * one.bound <= again + factor * near
    gap = max(GAP_USD, value - one.bound) + max(GAP_USD, (again - other.bound) / factor)
    assert abs(again / factor - value) <= gap + IDLE_USD


def _scaled(weights: Mapping[str, float], variant: Variant) -> dict[str, float]:
    """Return weights under which the whole sum is scaled as money is."""
    losses = weights["loss_kwh"] * variant.money
    return {**weights, "loss_kwh": losses}


def _answered(case: Case, weights: Mapping[str, float]) -> GridAnswer:
    options = quick(case, time_limit_s=20.0)
    connection = GridConnection(case, options, build_feeder(case), allow(case, EVERY_KIND))
    return connection.minimise(weights, {}, label="asked", gap_abs=GAP_USD)


# Finished runs


@cache
def finished_run() -> Path:
    """Return the folder of a small finished plan, which lasts as long as the process."""
    kept = tempfile.TemporaryDirectory()
    atexit.register(kept.cleanup)
    folder = Path(kept.name)
    case = small(folder / "case")
    result = plan(case, case.options.model_copy(update={"points": 2}))
    return write_run(result, folder / "run")


def an_altered_run_is_read_or_refused(seed: int, command: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        altered = Path(shutil.copytree(finished_run(), Path(folder) / "run"))
        alteration = alter(altered, random.Random(seed))  # noqa: S311 - no secret
        end = ending(command, altered, finished_run())
    assert end.code in ALLOWED, f"{alteration}: {end}"


SEEDS = st.integers(100, 10**6)

PROPERTIES = (
    Property(
        "MATPOWER files are read or refused",
        a_matpower_file_is_read_or_refused,
        (st.integers(0, 2), text_edits()),
        200,
        "readers",
    ),
    Property(
        "pandapower files are read or refused",
        a_pandapower_file_is_read_or_refused,
        (document_edits(),),
        60,
        "readers",
    ),
    Property(
        "cases are read, or every fault is told",
        a_case_is_read_or_every_fault_is_told,
        (document_edits(), st.lists(text_edits(), max_size=3)),
        150,
        "readers",
    ),
    Property(
        "tables of solutions are read or refused",
        a_table_of_solutions_is_read_or_refused,
        (text_edits(),),
        200,
        "readers",
    ),
    Property(
        "bound, optimum and value are in order",
        bound_optimum_and_value_are_in_order,
        (SEEDS,),
        8,
        "fronts",
    ),
    Property(
        "another way to write a case moves no bound past a value",
        another_way_to_write_a_case_moves_no_bound_past_a_value,
        (SEEDS, st.sampled_from(sorted(VARIANTS))),
        12,
        "fronts",
    ),
    Property(
        "altered runs are read or refused",
        an_altered_run_is_read_or_refused,
        (SEEDS, st.sampled_from(COMMANDS)),
        4,
        "runs",
    ),
)
