"""What the paper claims of its 94-bus study, and what a run shows, one function a claim.

The paper is Saki et al., multi-level planning of distribution networks with clustered microgrids:
its Table 2 and its section 4. It counts hours 1..24, a run 0..23; texts give both.
"""

from __future__ import annotations

from collections.abc import Callable

from cmgplan.planning.report.subject import Subject
from paper_claims.claim import Claim
from paper_claims.lower import demand_moved, lower_loss, lower_loss_in_trade, storage_at_peak
from paper_claims.table2 import (
    chosen_solution,
    compromise_emission,
    emission_cost_ends,
    generation_cost_ends,
    loss_ends,
)
from paper_claims.upper import (
    loss_saved,
    peak_voltage,
    upper_exchange,
    upper_export,
    upstream_export,
    upstream_import,
)
from paper_claims.windows import (
    islanded,
    rare_import,
    trade_hours,
    window_cluster,
    window_grid,
    window_microgrid,
)

CLAIMS: tuple[Callable[[Subject], Claim], ...] = (
    generation_cost_ends,
    emission_cost_ends,
    loss_ends,
    chosen_solution,
    compromise_emission,
    window_grid,
    window_microgrid,
    window_cluster,
    rare_import,
    islanded,
    trade_hours,
    demand_moved,
    lower_loss,
    lower_loss_in_trade,
    loss_saved,
    peak_voltage,
    upper_exchange,
    upper_export,
    upstream_import,
    upstream_export,
    storage_at_peak,
)
"""Every claim, in the order of the paper."""
