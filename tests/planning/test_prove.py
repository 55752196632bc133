"""Printed bounds come to again: true ones stand, raised ones fail, what is missing is listed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from generated import generated_case
from plans import connect, quick

from cmgplan.cli import main
from cmgplan.planning.case import load_case
from cmgplan.planning.levels.islanded import solve_levels_1_to_3
from cmgplan.planning.pipeline import plan
from cmgplan.planning.proof.prove import TOLERANCE, GridProver, Proved, Verdict, prove_run
from cmgplan.planning.report.proofs import read_proofs
from cmgplan.planning.report.run_folder import read_run, write_run

POINTS = 3


@pytest.fixture(scope="module")
def true_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    case = load_case("two-bus")
    options = case.options.model_copy(update={"points": POINTS, "sweep": "diagonal"})
    return write_run(plan(case, options), tmp_path_factory.mktemp("prove") / "run")


@pytest.fixture
def run(true_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(true_run, tmp_path / "run"))


def proved(folder: Path, time_limit_s: float = 100.0) -> dict[str, Proved]:
    """Prove the bounds of a run again, by where they are printed."""
    finished = read_run(folder)
    bounds = prove_run(
        finished.load_case(),
        finished.load_options(),
        finished.summary,
        finished.tables["pareto"],
        read_proofs(folder),
        time_limit_s=time_limit_s,
        jobs=2,
    )
    return {bound.what: bound for bound in bounds}


def raise_bound(folder: Path, point: int, by: float, *, with_proof: bool = False) -> None:
    """Print a bound higher, and say so in its proof as well."""
    if with_proof:
        change_proof(folder, point, lambda proof: proof.update(bound=proof["bound"] + by))
    path = folder / "pareto.csv"
    table = pd.read_csv(path)
    table.loc[table["point"] == point, "bound_ec_usd"] += by
    table.to_csv(path, index=False)


def change_proof(folder: Path, point: int, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "proofs" / f"{point:02d}.json"
    proof = json.loads(path.read_text())
    change(proof)
    path.write_text(json.dumps(proof))


def test_every_printed_bound_of_a_true_run_stands(run: Path) -> None:
    bounds = proved(run)
    assert [b.what for b in bounds.values()][:POINTS] == [f"point {k + 1}" for k in range(POINTS)]
    assert len(bounds) == POINTS + 1 + 3 * 3, "points, the selected one, three goals of each level"
    table = pd.read_csv(run / "pareto.csv").set_index("point")
    for k in range(1, POINTS + 1):
        bound = bounds[f"point {k}"]
        assert bound.printed == pytest.approx(table.loc[k, "bound_ec_usd"])
        assert bound.value is not None and bound.value >= bound.printed - TOLERANCE
        assert bound.value <= table.loc[k, "ec_usd"] + TOLERANCE, "no bound is above a value"
    assert {b.verdict for b in bounds.values()} == {Verdict.STANDS}


@pytest.mark.parametrize("by", [2.0 * TOLERANCE, -0.05, 5.0])
def test_a_bound_that_is_not_that_of_its_proof_fails(run: Path, by: float) -> None:
    raise_bound(run, 2, by)
    bounds = proved(run)
    assert bounds["point 2"].verdict is Verdict.FAILED
    assert "that its proof was kept for" in bounds["point 2"].reason
    assert bounds["point 1"].verdict is bounds["point 3"].verdict is Verdict.STANDS


def test_a_bound_higher_than_what_its_multipliers_prove_fails(run: Path) -> None:
    """Multipliers prove what they prove, whatever a file says of them."""
    printed = pd.read_csv(run / "pareto.csv")["bound_ec_usd"][1]
    raise_bound(run, 2, 0.2, with_proof=True)
    raised = proved(run)["point 2"]
    assert raised.verdict is Verdict.FAILED and "unproved" in raised.reason
    assert raised.value is not None
    assert printed - TOLERANCE < raised.value < printed + 0.2 - TOLERANCE


def test_a_raised_bound_ends_verify_with_the_code_of_a_failed_replay(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(run), "--prove", "--jobs", "2"])
    assert ended.value.code == 0
    assert "13 printed bounds: 13 stands, 0 not reached, 0 FAILED" in capsys.readouterr().out
    raise_bound(run, 1, 0.5)
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(run), "--prove"])
    assert ended.value.code == 5
    told = capsys.readouterr()
    assert "1 of 13 bounds" in told.err
    assert "point 1, FAILED: is not the bound" in told.out


def test_changed_multipliers_never_prove_more(run: Path) -> None:
    """The value at any multipliers is a lower bound: it stays under every schedule's value."""
    table = pd.read_csv(run / "pareto.csv").set_index("point")
    rng = np.random.default_rng(5)
    raise_bound(run, 2, 1e3, with_proof=True)  # so that all that they prove is asked for
    for _ in range(4):

        def change(proof: dict[str, Any]) -> None:
            for name in proof["multipliers"]:
                if not name.endswith("_definition"):
                    proof["multipliers"][name] *= float(rng.uniform(-1.0, 3.0))
            proof["multipliers"]["loss_definition"] = float(rng.uniform(-1.0, 3.0))

        change_proof(run, 2, change)
        bound = proved(run)["point 2"]
        assert bound.verdict is Verdict.FAILED
        assert bound.value is not None and bound.value <= table.loc[2, "ec_usd"] + TOLERANCE


def test_what_cannot_be_proved_again_is_listed_with_its_reason(run: Path) -> None:
    (run / "proofs" / "01.json").unlink()
    (run / "proofs" / "02.json").write_text("{")
    bounds = proved(run)
    for point, reason in (
        ("point 1", "holds no multipliers: plan again"),
        ("point 2", "proofs/02.json: is damaged"),
    ):
        assert bounds[point].verdict is Verdict.NOT_REACHED
        assert reason in bounds[point].reason
    assert bounds["point 3"].verdict is Verdict.STANDS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: p.update(by="a dream"), "by: is neither"),
        (lambda p: p["weights"].update(ec_usd=0.0), "no weight on ec_usd"),
        (lambda p: p["weights"].update(gc_usd=-1.0), "weight on gc_usd is not a number of 0"),
        (lambda p: p["weights"].update(gc_usd=None), "weights.gc_usd: is not a number"),
        (lambda p: p["weights"].update(joy=1.0), "weighs joy, which has no cap"),
        (lambda p: p["blocks"].pop(), "blocks: do not end with hour"),
        (lambda p: p["blocks"].reverse(), "blocks: do not follow each other"),
        (lambda p: p["multipliers"].update(nobody=1.0), "nobody, which is no row of this case"),
        (lambda p: p["multipliers"].update(loss_definition=1e999), "is not a number"),
        (lambda p: p.update(multipliers=[1.0]), "multipliers: is not an object"),
    ],
)
def test_a_damaged_proof_is_listed_with_its_key(
    run: Path, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    change_proof(run, 1, change)
    bound = proved(run)["point 1"]
    assert bound.verdict is Verdict.NOT_REACHED and reason in bound.reason


def test_without_time_nothing_is_reached(run: Path) -> None:
    bounds = proved(run, time_limit_s=0.0)
    for k in range(1, POINTS + 1):
        assert bounds[f"point {k}"].verdict is Verdict.NOT_REACHED
        assert bounds[f"point {k}"].reason == "the time limit"


def test_a_bound_of_the_whole_problem_is_asked_again(tmp_path: Path) -> None:
    case = load_case("two-bus")
    options = case.options.model_copy(update={"points": 2, "minlp": "highs"})
    run = write_run(plan(case, options), tmp_path / "run")
    bounds = proved(run)
    assert bounds["point 1"].by == bounds["point 2"].by == "whole problem, no presolve"
    assert bounds["point 1"].verdict is bounds["point 2"].verdict is Verdict.STANDS
    raise_bound(run, 1, 1.0, with_proof=True)
    raised = proved(run)["point 1"]
    assert raised.verdict is Verdict.FAILED and "the whole problem leaves" in raised.reason


def test_that_nothing_meets_the_caps_is_proved_again(tmp_path: Path) -> None:
    """Caps under a proven least value are empty by multipliers; caps over it are not."""
    case = generated_case(0, microgrids=3, hours=3)
    options = quick(case, hierarchy="joint", time_limit_s=20.0)
    connection = connect(case, options)
    least = connection.minimise({"gc_usd": 1.0}, {}, label="least cost", gap_abs=0.01)
    assert least.bound is not None and least.values is not None
    caps = {"gc_usd": least.bound - 0.05, "loss_kwh": 1e4}
    empty = connection.minimise({"ec_usd": 1.0}, caps, label="under it", gap_abs=0.01)
    assert empty.infeasible and empty.proof is not None
    levels = solve_levels_1_to_3(case, options)
    row = {"point": 1, "status": "infeasible", "bound_ec_usd": np.nan}
    with ThreadPoolExecutor(max_workers=2) as workers:
        prover = GridProver(case, options, levels[-1], workers, 0.01)

        def verdict(**eps: float) -> Proved:
            asked = {**row, **{f"eps_{name}": cap for name, cap in eps.items()}}
            return prover.point(asked, empty.proof.as_dict() if empty.proof else None, 60.0)

        found = verdict(**caps)
        assert found.verdict is Verdict.STANDS and found.value is not None and found.value > 0.0
        over = verdict(gc_usd=least.values["gc_usd"] + 0.05, loss_kwh=1e4)
        assert over.verdict is Verdict.FAILED, "a schedule is known that meets these"
