# %% [markdown]
# # Planning a feeder from Python
#
# It plans the smallest bundled case, which takes seconds; put `"ieee33"`, `"ieee94"` or the folder
# of your own case in its place.

# %%
"""Plans a case, looks at the answer as tables and figures, asks a second question, keeps both."""

from pathlib import Path

from cmgplan import check_case, figures, load_case, plan, read_run, write_run

CASE = "two-bus"

# %% [markdown]
# ## The case
# `check_case` lists every fault and every doubt at once; `load_case` refuses a case with faults.

# %%
for fault in check_case(CASE):
    print(f"{fault.severity}: {fault}")

case = load_case(CASE)
print(
    f"{case.name}: {len(case.buses)} buses, {len(case.microgrids)} microgrids, "
    f"{case.file.time.hours} hours"
)
print(f"price, $/MWh: {case.price_usd_per_mwh}")

# %% [markdown]
# ## The plan
# Options are those of the command line; what is not changed stands in the case's `[plan]`.

# %%
options = case.options.model_copy(update={"points": 4})
result = plan(case, options)

chosen = result.summary.selected
print(
    f"point {chosen.point}: {chosen.gc_usd:.2f} $, {chosen.ec_usd:.2f} $ of emission, "
    f"{chosen.loss_kwh:.3f} kWh lost; replay passed: {result.summary.replay.passed}"
)

# %% [markdown]
# ## Tables
# `result.tables` are pandas tables with the columns of the run's CSV files. The front:

# %%
print(result.tables["pareto"][["point", "status", "gc_usd", "ec_usd", "loss_kwh", "gap"]])

# %% [markdown]
# What every turbine gives at Level 4, by hour:

# %%
dispatch = result.tables["dispatch"]
turbines = dispatch[(dispatch.level == 4) & (dispatch.kind == "mt")]
print(turbines.pivot_table(index="hour", columns="microgrid", values="p_kw").round(1))

# %% [markdown]
# Hours in which each switch is closed:

# %%
schedule = result.tables["switch_schedule"]
print(schedule[schedule.closed == 1].groupby(["kind", "switch"]).hour.apply(list))

# %% [markdown]
# ## Figures
# Plotly figures by name, those of the page. In a notebook the last line of a cell shows one.

# %%
drawn = figures(result)
print(", ".join(drawn))
drawn["pareto_front"].write_html("pareto_front.html", include_plotlyjs="directory")

# %% [markdown]
# ## A second question
# What does islanding first cost? The same case with every switch free in every hour:

# %%
joint = plan(case, options.model_copy(update={"hierarchy": "joint"}))
for name, answer in (("levels", result), ("joint", joint)):
    least = answer.tables["pareto"].ec_usd.min()
    print(f"{name}: least emission cost {least:.2f} $")

# %% [markdown]
# ## Keeping a plan
# A run folder holds the page, all tables and a copy of the case; `read_run` reads it back, and
# `cmgplan verify runs/two-bus` replays it.

# %%
folder = write_run(result, Path("runs") / case.name)
again = read_run(folder)
print(f"the same choice: {again.summary.selected.point == chosen.point}")
print(f"kept in {folder.name}: {sorted(path.name for path in folder.iterdir())}")
