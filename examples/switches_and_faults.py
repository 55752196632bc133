# %% [markdown]
# # Switches and faults of a feeder
#
# Two questions that need no microgrids: which switches of a feeder with ties should be open so
# that least is lost, and how often and how long customers are without supply. Both read plain
# files, which this example writes first.

# %%
"""Reconfigures a small feeder with ties, and works out its reliability indices."""

from pathlib import Path

from cmgplan import read_reliable_feeder, read_switched_network, reconfigure, reliability

FEEDER = """function mpc = ring
mpc.version = '2';
mpc.baseMVA = 1;
mpc.bus = [
1 3 0    0    0 0 1 1 0 11 1 1.1 0.9;
2 1 0.30 0.10 0 0 1 1 0 11 1 1.1 0.9;
3 1 0.20 0.08 0 0 1 1 0 11 1 1.1 0.9;
4 1 0.50 0.20 0 0 1 1 0 11 1 1.1 0.9;
];
mpc.gen = [ 1 0 0 10 -10 1 1 1 10 -10; ];
mpc.branch = [
1 2 0.01 0.01 0 0 0 0 0 0 1 -360 360;
2 3 0.01 0.01 0 0 0 0 0 0 1 -360 360;
3 4 0.01 0.01 0 0 0 0 0 0 1 -360 360;
1 4 0.01 0.01 0 0 0 0 0 0 0 -360 360;
];
mpc.gencost = [ 2 0 0 3 0 30 0; ];
"""
Path("ring.m").write_text(FEEDER, encoding="utf-8")

# %% [markdown]
# ## Least loss
# As given, the tie 1-4 is open and bus 4 hangs at the end of three lines. `bound` is what no radial
# configuration can lose less than.

# %%
found = reconfigure(read_switched_network(Path("ring.m")))
print(f"as given {found.given_loss_kw:.3f} kW, now {found.loss_kw:.3f} kW with {found.open} open")
print(f"{found.status}: bound {found.bound_kw:.3f} kW, gap {100 * found.gap:.3f} %")
print(f"least voltage {found.v_min_pu:.4f} pu")

# %% [markdown]
# ## Reliability
# Two lines in a row: a breaker at the first, a disconnector before the second, and no tie. A fault
# of the first interrupts everybody until it is repaired; one of the second interrupts the first bus
# until it is isolated, and the second bus until the repair.

# %%
Path("feeder").mkdir(exist_ok=True)
Path("feeder/lines.csv").write_text(
    "line,from_bus,to_bus,km,failures_per_km_year,repair_h,switching_h,protection,disconnector\n"
    "L1,S,1,2,0.1,4,0.5,breaker,\n"
    "L2,1,2,3,0.1,4,0.5,,from\n",
    encoding="utf-8",
)
Path("feeder/loads.csv").write_text("bus,p_kw,customers\n1,200,100\n2,100,50\n", encoding="utf-8")
indices = reliability(read_reliable_feeder("feeder"))
print(f"SAIFI {indices.saifi:.3f} interruptions a customer and year")
print(
    f"SAIDI {indices.saidi_h:.3f} h, CAIDI {indices.caidi_h:.3f} h, EENS {indices.eens_mwh:.3f} MWh"
)
for point in indices.load_points:
    print(f"bus {point.bus}: {point.failures_per_year:.2f} a year, {point.hours_per_year:.2f} h")
