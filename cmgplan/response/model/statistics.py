"""Statistics of the runs of a method, as in the paper's Table 1."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray


def statistics_of(profits: FloatArray, bound: float | None = None) -> dict[str, float]:
    """Return least, greatest and mean profit of runs, their spread, and the mean gap.

    ``profit_sd`` is the standard deviation of a sample (divided by runs less one), 0 of one run.
    Runs that found no day are left out. ``gap_mean``, with a bound that no profit is above, is
    how far the mean is below it as a share of the bound, or of 1 where the bound is smaller.
    """
    told = np.asarray(profits, dtype=np.float64)
    told = told[np.isfinite(told)]
    if not len(told):
        raise ValueError("no run found a day")
    mean = float(told.mean())
    found = {
        "profit_min": float(told.min()),
        "profit_max": float(told.max()),
        "profit_mean": mean,
        "profit_sd": float(told.std(ddof=1)) if len(told) > 1 else 0.0,
    }
    if bound is not None:
        found["gap_mean"] = max(bound - mean, 0.0) / max(abs(bound), 1.0)
    return found
