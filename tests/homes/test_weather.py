"""Weather drawn from distributions that are fitted to hourly data."""

from __future__ import annotations

import numpy as np
import pytest

from cmgplan.errors import InputError
from cmgplan.homes.starter.weather import (
    fit_weather,
    fit_weibull,
    mean_speed,
    sun_share,
    wind_share,
)


@pytest.mark.parametrize(("shape", "scale"), [(1.0, 4.0), (2.0, 6.5), (3.4, 9.0)])
def test_a_weibull_distribution_is_found_again(shape: float, scale: float) -> None:
    speeds = scale * np.random.default_rng(2).weibull(shape, 20_000)
    found = fit_weibull(speeds)
    assert found == pytest.approx((shape, scale), rel=0.02)
    assert mean_speed(*found) == pytest.approx(speeds.mean(), rel=0.01)


def test_days_have_the_mean_and_spread_of_their_data() -> None:
    rng = np.random.default_rng(5)
    noon = 300.0 * np.clip(np.sin(np.pi * (np.arange(24) - 6) / 12), 0.0, None)
    sun = np.maximum(noon * (1.0 + 0.2 * rng.standard_normal((31, 24))), 0.0)
    weather = fit_weather(7.0 * rng.weibull(2.0, (31, 24)), sun)
    assert weather.mean_w_per_m2 == pytest.approx(sun.mean(axis=0))
    days = [weather.draw(np.random.default_rng([1, n])) for n in range(400)]
    drawn = np.array([irradiance for _, irradiance in days])
    assert drawn[:, 12].mean() == pytest.approx(weather.mean_w_per_m2[12], rel=0.03)
    assert drawn[:, 12].std() == pytest.approx(weather.deviation_w_per_m2[12], rel=0.1)
    assert not drawn[:, :6].any()  # night stays night
    again = weather.draw(np.random.default_rng([1, 7]))
    assert again[0].tolist() == days[7][0].tolist()


def test_turbines_and_panels_follow_the_weather() -> None:
    speeds = np.array([0.0, 2.9, 3.0, 7.5, 12.0, 24.9, 25.0])
    cube = (7.5**3 - 27.0) / (1728.0 - 27.0)
    assert wind_share(speeds) == pytest.approx([0.0, 0.0, 0.0, cube, 1.0, 1.0, 0.0])
    assert sun_share(np.array([0.0, 620.0, 1100.0])) == pytest.approx([0.0, 0.62, 1.0])


def test_what_is_no_weather_is_refused() -> None:
    month = np.ones((31, 24))
    with pytest.raises(InputError, match="all the same"):
        fit_weather(month, month)
    with pytest.raises(InputError, match="at least two whole days"):
        fit_weather(month[:1], month)
    with pytest.raises(InputError, match="below 0"):
        fit_weather(month, -month)
