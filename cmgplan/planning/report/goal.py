"""What the points of a front minimise, and between which objectives they trade."""

from __future__ import annotations

import pandas as pd

from cmgplan.planning.record.plan import PlanRecord

WORDS = {"gc_usd": "generation cost", "ec_usd": "emission cost", "loss_kwh": "losses"}
SHORT = {"gc_usd": "cost", "ec_usd": "emissions", "loss_kwh": "losses"}
SYMBOLS = {"gc_usd": "f1", "ec_usd": "f2", "loss_kwh": "f3"}
UNITS = {"gc_usd": "$", "ec_usd": "$", "loss_kwh": "kWh"}


def goal_of(rows: pd.DataFrame) -> str:
    """Return the column that the points minimise; runs that do not tell minimise f2."""
    told = rows["minimised"].iloc[0] if "minimised" in rows.columns and len(rows) else "ec_usd"
    return str(told) if told in WORDS else "ec_usd"


def bounds_of(rows: pd.DataFrame) -> pd.Series[float]:
    """Return the proven bound of what each point minimises, NaN where there is none."""
    told = rows["bound"] if "bound" in rows.columns else rows["bound_ec_usd"]
    return pd.to_numeric(told, errors="coerce").astype(float)


def stepped(rows: pd.DataFrame) -> str:
    """Return the objective that stands against the minimised one: the first whose cap steps."""
    goal = goal_of(rows)
    for name, cap in (("gc_usd", "eps_gc_usd"), ("loss_kwh", "eps_loss_kwh")):
        if name != goal and rows[cap].nunique() > 1:
            return name
    return "gc_usd" if goal != "gc_usd" else "loss_kwh"


def goal_in_words(summary: PlanRecord) -> str:
    """Return what the points of a run minimise, in words."""
    return WORDS[summary.certificate.minimised]
