"""A limit of a feeder, or of what hangs on it, that an hour breaks: as data, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["shortage", "connection", "voltage", "branch", "power_flow"]


@dataclass(frozen=True)
class BrokenLimit:
    """A limit that an hour breaks.

    Attributes
    ----------
    kind
        ``shortage``: power that microgrids lack with every connection open, kW; ``connection``:
        what a PCC carries over its rating, kVA; ``voltage``: a bus, pu; ``branch``: a line's
        loading, percent of its rating; ``power_flow``: there is no solution.
    hour
        Interval, from 0.
    place
        Microgrids, PCC with its microgrid, bus or line; empty for a power flow.
    amount
        In ``unit``; None for a power flow.
    unit
        Unit of amount and limit; empty for a power flow.
    limit
        What a voltage may be at the most or least; None where ``amount`` says all.
    """

    kind: Kind
    hour: int
    place: str = ""
    amount: float | None = None
    unit: str = ""
    limit: float | None = None

    def words(self) -> str:
        """Return the limit in words, with its hour."""
        return f"hour {self.hour}: {self.told()}"

    def told(self) -> str:
        """Return the limit in words, without its hour."""
        if self.amount is None:
            return "the power flow has no solution"
        if self.kind == "shortage":
            return f"{self.place} short of {self.amount:.1f} {self.unit} with every PCC open"
        if self.kind == "connection":
            return f"PCC {self.place} {self.amount:.1f} {self.unit} over its rating"
        if self.kind == "voltage" and self.limit is not None:
            sign = "<" if self.amount < self.limit else ">"
            return f"bus {self.place} voltage {self.amount:.4f} {sign} {self.limit:.4f} {self.unit}"
        return f"line {self.place} at {self.amount:.1f} {self.unit} of its rating"
