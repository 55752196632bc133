"""Names of columns and kinds in MATPOWER's case format, counted from 1 as MATLAB does.

They are those of its functions ``idx_bus``, ``idx_brch``, ``idx_gen`` and
``idx_cost``, each in the order in which the function returns them.
"""

from __future__ import annotations


def _counted(names: str, first: int = 1) -> dict[str, float]:
    return {name: float(k) for k, name in enumerate(names.split(), start=first)}


IDX: dict[str, dict[str, float]] = {
    "idx_bus": {
        **_counted("PQ PV REF NONE"),
        **_counted("BUS_I BUS_TYPE PD QD GS BS BUS_AREA VM VA BASE_KV ZONE VMAX VMIN"),
        **_counted("LAM_P LAM_Q MU_VMAX MU_VMIN", 14),
    },
    "idx_brch": {
        **_counted("F_BUS T_BUS BR_R BR_X BR_B RATE_A RATE_B RATE_C TAP SHIFT BR_STATUS"),
        **_counted("PF QF PT QT MU_SF MU_ST", 14),
        **_counted("ANGMIN ANGMAX", 12),
        **_counted("MU_ANGMIN MU_ANGMAX", 20),
    },
    "idx_gen": {
        **_counted("GEN_BUS PG QG QMAX QMIN VG MBASE GEN_STATUS PMAX PMIN"),
        **_counted("MU_PMAX MU_PMIN MU_QMAX MU_QMIN", 22),
        **_counted("PC1 PC2 QC1MIN QC1MAX QC2MIN QC2MAX RAMP_AGC RAMP_10 RAMP_30 RAMP_Q APF", 11),
    },
    "idx_cost": {
        **_counted("PW_LINEAR POLYNOMIAL"),
        **_counted("MODEL STARTUP SHUTDOWN NCOST COST"),
    },
}
"""The constants of each function in the order of its results."""

DEFINED = {name: value for names in IDX.values() for name, value in names.items()}
"""What ``define_constants`` sets, as far as a case needs it."""
