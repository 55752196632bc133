"""Tables of a run as xarray datasets: the same numbers, by names of axes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from results import make_result

from cmgplan import find_optimum, load_case, to_xarray, write_optimum
from cmgplan.errors import InputError


def test_a_number_is_where_its_row_says(tmp_path: Path) -> None:
    pytest.importorskip("xarray")
    result = make_result(tmp_path / "case")
    data = to_xarray(result)
    table = result.tables["dispatch"]
    for row in table.itertuples():
        cell = data["dispatch"]["p_kw"].sel(
            level=row.level, hour=row.hour, microgrid=row.microgrid, device=row.device
        )
        assert float(cell) == row.p_kw
    assert data["dispatch"]["p_kw"].attrs["units"] == "kW"
    assert int(data["dispatch"]["p_kw"].notnull().sum()) == len(table)
    by_hour = data["loss"]["upper_feeder_kw"].to_numpy()
    assert np.array_equal(by_hour, result.tables["loss"]["upper_feeder_kw"], equal_nan=True)


def test_a_folder_of_homes(tmp_path: Path) -> None:
    pytest.importorskip("xarray")
    result = find_optimum(load_case("two-homes", system="homes"))
    folder = write_optimum(result, tmp_path / "run")
    data = to_xarray(folder)
    for row in pd.read_csv(folder / "income.csv").itertuples():
        assert float(data["income"]["total"].sel(way="optimum", home=row.home)) == row.total
    fed = data["exchange"]["pool_kw"].sum("home")
    assert np.abs(fed).max() < 1e-6  # what one home gives, the other gets
    assert set(data["exchange"].dims) == {"way", "hour", "home"}


def test_without_xarray_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(InputError, match=r"pip install 'cmgplan\[xarray\]'"):
        to_xarray(make_result(tmp_path / "case"))
