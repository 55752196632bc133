"""Scenarios of a study applied to cases, which are written as cases of their own."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmgplan import check_case, load_case
from cmgplan.homes.case.records import HomesCase
from cmgplan.planning.case.records import Case
from cmgplan.study.scaled_case import write_scaled
from cmgplan.study.toml_text import toml_text

FACTORS = {"load": 1.1, "sun": 1.3, "wind": 0.5, "price": 1.2}


def scaled(case: Case | HomesCase, kind: str, factors: dict[str, float], place: Path) -> object:
    write_scaled(case, kind, "s1", factors, place)
    day = case.file.time.day
    assert check_case(place, day=day) == [] or kind == "homes"
    return load_case(place, day=day)


@pytest.mark.parametrize(("name", "day"), [("ieee33-year", "2016-03-27"), ("two-bus", None)])
def test_planning_scales_loads_forecasts_and_the_grid_price(
    name: str, day: str | None, tmp_path: Path
) -> None:
    case = load_case(name, day=day, system="planning")
    found = scaled(case, "planning", FACTORS, tmp_path / "case")
    assert isinstance(found, Case)
    assert found.price_usd_per_mwh == pytest.approx(1.2 * case.price_usd_per_mwh)
    assert [bus.p_kw for bus in found.buses] == pytest.approx([1.1 * b.p_kw for b in case.buses])
    assert [b.q_kvar for b in found.buses] == pytest.approx([1.1 * b.q_kvar for b in case.buses])
    for mine, theirs in zip(found.microgrids, case.microgrids, strict=True):
        for load, before in zip(mine.load, theirs.load, strict=True):
            assert (load.p_kw, load.q_kvar) == pytest.approx(
                (1.1 * before.p_kw, 1.1 * before.q_kvar)
            )
            assert load.profile == before.profile
        for kind, factor in (("pv", 1.3), ("wt", 0.5)):
            for one, before in zip(getattr(mine, kind), getattr(theirs, kind), strict=True):
                expected = np.minimum(factor * case.profiles[before.forecast], 1.0)
                assert found.profiles[one.forecast] == pytest.approx(expected)
                assert one.p_max_kw == before.p_max_kw
    assert len(found.price_usd_per_mwh) == case.file.time.hours
    assert str(found.file.time.day) == str(day)
    told = "scenario s1, load times 1.1, sun times 1.3, wind times 0.5, price times 1.2"
    assert found.file.title == f"{case.file.title}, {told}"


def test_ratings_of_ties_connections_and_lines_are_scaled(tmp_path: Path) -> None:
    case = load_case("two-bus", system="planning")
    found = scaled(case, "planning", {"ratings": 1.2}, tmp_path / "case")
    assert isinstance(found, Case)
    assert [mg.pcc.rating_kva for mg in found.microgrids] == pytest.approx([480.0, 480.0, 600.0])
    assert [tie.rating_kva for tie in found.ties] == pytest.approx([120.0, 240.0])
    assert [line.rating_kva for line in found.lines] == pytest.approx([1800.0])
    assert [line.r_ohm for line in found.lines] == [line.r_ohm for line in case.lines]
    assert [mg.load for mg in found.microgrids] == [mg.load for mg in case.microgrids]


@pytest.mark.parametrize("name", ["two-homes", "hmg3", "apartment5"])
def test_homes_scale_heat_with_load_and_both_prices_alike(name: str, tmp_path: Path) -> None:
    case = load_case(name, system="homes")
    found = scaled(case, "homes", FACTORS, tmp_path / "case")
    assert isinstance(found, HomesCase)
    for key in ("buy_per_kwh", "sell_per_kwh"):
        now, before = (price(each, key) for each in (found, case))
        assert now == pytest.approx(1.2 * before)
    for mine, theirs in zip(found.homes, case.homes, strict=True):
        for load, before in zip(mine.load, theirs.load, strict=True):
            assert kw(found, load.p_kw) == pytest.approx(1.1 * kw(case, before.p_kw))


def price(case: HomesCase, key: str) -> np.ndarray:  # type: ignore[type-arg]
    return kw(case, getattr(case.file.retailer, key))


def kw(case: HomesCase, value: float | str) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(case.profiles[value] if isinstance(value, str) else value)


@pytest.mark.parametrize("name", ["two-bus", "ieee94", "two-homes", "hmg3", "apartment5"])
def test_a_scenario_of_ones_is_the_case(name: str, tmp_path: Path) -> None:
    case = load_case(name)
    kind = "homes" if isinstance(case, HomesCase) else "planning"
    found = scaled(case, kind, dict.fromkeys(FACTORS, 1.0), tmp_path / "case")
    assert found.file == case.file  # type: ignore[attr-defined]
    assert found.buses == case.buses  # type: ignore[attr-defined]
    for column, values in found.profiles.items():  # type: ignore[attr-defined]
        assert np.array_equal(values, case.profiles[column])


TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
VALUES = st.recursive(
    st.one_of(
        TEXTS,
        st.booleans(),
        st.integers(-(2**62), 2**62),
        st.floats(allow_nan=False),
        st.dates(date(1, 1, 1)),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_toml_is_read_back_as_it_was(values: dict[str, object]) -> None:
    assert tomllib.loads(toml_text(values)) == values


def test_toml_has_no_form_for_everything() -> None:
    with pytest.raises(TypeError, match="no form in TOML"):
        toml_text({"a": object()})
