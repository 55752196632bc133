"""Methods run on a case: what they find, the budget, seeds, workers and a start."""

from __future__ import annotations

import numpy as np
import pytest
from homes_cases import homes_case

from cmgplan.case.bundled import find_case
from cmgplan.errors import InfeasibleError, InputError
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.optimum.solve import OneOwner, Question
from cmgplan.response.heuristics.decoder import Decoder
from cmgplan.response.heuristics.runs import convergence, run_methods
from cmgplan.response.model.profit import profit_of
from cmgplan.search.heuristics.methods import METHODS

OPTIMUM = 4.14  # profit of two-homes, whose optimum is known by hand
EVERY = tuple(METHODS)


@pytest.fixture(scope="module")
def two_homes():
    return load_homes(find_case("two-homes"))


@pytest.fixture(scope="module")
def found(two_homes):
    return run_methods(two_homes, EVERY, runs=3, evaluations=1500, seed=7)


def test_every_method_comes_near_the_optimum_of_two_homes_and_never_over_it(two_homes, found):
    best = OneOwner(two_homes).answer(Question({"cost": 1.0}), gap=1e-6)
    assert profit_of(two_homes, best.dispatch).total == pytest.approx(OPTIMUM)
    for name, runs in found.items():
        assert (runs.profits <= OPTIMUM + 1e-9).all()
        assert runs.best.profit == pytest.approx(OPTIMUM, abs=0.15), name


def test_statistics_are_those_of_the_runs(found):
    for runs in found.values():
        told, profits = runs.statistics(bound=OPTIMUM), runs.profits
        assert told["runs"] == 3
        assert told["evaluations"] == 1500
        assert told["profit_min"] == profits.min()
        assert told["profit_max"] == profits.max() == runs.best.profit
        assert told["profit_mean"] == pytest.approx(profits.sum() / 3)
        assert told["profit_sd"] ** 2 == pytest.approx(((profits - profits.mean()) ** 2).sum() / 2)
        assert told["gap_mean"] == pytest.approx(1.0 - told["profit_mean"] / OPTIMUM)
        assert told["wall_s"] > 0.0


def test_the_day_of_the_best_point_has_the_profit_that_is_told(two_homes, found):
    for runs in found.values():
        dispatch = Decoder(two_homes).dispatch(runs.best.point)
        assert profit_of(two_homes, dispatch).total == pytest.approx(runs.best.profit, abs=1e-9)


def test_convergence_has_a_row_for_every_generation_and_never_falls(found):
    rows = convergence(found)
    assert len(rows) == sum(len(run.history) for runs in found.values() for run in runs.runs)
    of_pso = [row for row in rows if (row["method"], row["run"]) == ("pso", 0)]
    assert [row["evaluations"] for row in of_pso] == list(range(50, 1501, 50))
    assert (np.diff([row["best"] for row in of_pso]) >= 0.0).all()


def test_methods_begin_from_the_same_points_and_runs_from_others(found):
    firsts = {name: [run.best[0] for run in runs.runs] for name, runs in found.items()}
    assert len({tuple(values) for values in firsts.values()}) == 1
    assert len(set(firsts["de"])) == 3


def test_the_answer_does_not_depend_on_the_number_of_workers(two_homes, found):
    again = run_methods(two_homes, ("de", "pso"), 3, 1500, seed=7, workers=2)
    for name, runs in again.items():
        for run, other in zip(runs.runs, found[name].runs, strict=True):
            assert run.profit == other.profit
            assert (run.point == other.point).all()
            assert (run.best == other.best).all()


def test_another_seed_is_another_answer(two_homes, found):
    other = run_methods(two_homes, ("de",), 1, 1500, seed=8)["de"].runs[0]
    assert not (other.point == found["de"].runs[0].point).all()


@pytest.mark.parametrize("name", EVERY)
def test_a_day_to_start_from_is_never_lost(two_homes, name):
    best = OneOwner(two_homes).answer(Question({"cost": 1.0}), gap=1e-6)
    run = run_methods(two_homes, (name,), 1, 60, start=best.dispatch)[name].runs[0]
    assert run.profit == pytest.approx(OPTIMUM)
    assert run.best[0] == pytest.approx(OPTIMUM)


def test_feedback_is_an_encoding_that_takes_no_start(two_homes):
    run = run_methods(two_homes, ("pso",), 1, 1000, encoding="feedback")["pso"].runs[0]
    assert 3.0 < run.profit <= OPTIMUM + 1e-9
    dispatch = Decoder(two_homes).dispatch(np.full(9, 0.5))
    with pytest.raises(InputError, match="which feedback cannot hold: use the direct one"):
        run_methods(two_homes, ("pso",), 1, 60, start=dispatch, encoding="feedback")


def test_what_cannot_be_run_is_refused(two_homes):
    with pytest.raises(InputError, match="0 runs: give 1 or more"):
        run_methods(two_homes, ("de",), 0)
    with pytest.raises(InputError, match="there is no method ga"):
        run_methods(two_homes, ("de", "ga"))
    tap = {
        "id": "tap",
        "carrier": "heat",
        "p_kw": 2.0,
        "t_min_c": 50.0,
        "t_max_c": 60.0,
        "t_start_c": 50.0,
        "heating_k_per_h": 5.0,
        "cooling_k_per_h": 5.0,
    }
    with pytest.raises(InfeasibleError, match="no day that it tried keeps all limits"):
        run_methods(homes_case([{"id": "A", "water_heater": [tap]}], hours=2), ("de",), 1, 50)


def test_each_run_is_told(two_homes):
    told = []
    run_methods(two_homes, ("pso", "climb"), 2, 50, told=lambda run: told.append(run))
    assert [(run.method, run.number) for run in told] == [
        ("pso", 0),
        ("pso", 1),
        ("climb", 0),
        ("climb", 1),
    ]
