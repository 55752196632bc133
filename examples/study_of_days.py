# %% [markdown]
# # A study of days
#
# One day says little about a year. A study runs any system over days, scenarios, options and cases,
# survives kills, and answers with a page and tables over all of it; [Studies](../study.md) has
# everything that it takes. Here a market of two homes is run on three days at two prices.

# %%
"""Runs a market of homes over days and prices, and asks which structure suits whom, how often."""

import shutil
from pathlib import Path

from cmgplan import load_case, run_study

# %% [markdown]
# ## A case with days
# A case has days when its profiles have a column `time`. `two-homes` has three hours of no date:
# they become a day, and two colder ones with more heat.

# %%
source = load_case("two-homes", system="homes").folder
shutil.copytree(source, "homes")
header, *hours = (source / "profiles.csv").read_text().split()
rows = [header.replace("hour", "time")]
for day, heat in enumerate((1.0, 1.2, 1.4)):
    for hour, line in enumerate(hours):
        _, *values, heating_a, heating_b = line.split(",")
        values += [f"{heat * float(kw):g}" for kw in (heating_a, heating_b)]
        rows.append(",".join([f"2026-01-{day + 5:02d} {hour:02d}:00", *values]))
Path("homes/profiles.csv").write_text("\n".join(rows) + "\n")
print("\n".join(rows[:4]))

# %% [markdown]
# ## The study
# What a study file holds may be given as a dictionary too. `price` multiplies what the retailer
# pays and takes; the weight of a scenario is its probability.

# %%
Path("prices.csv").write_text("scenario,weight,price\nas-is,0.75,1\ndear,0.25,1.5\n")
study = {
    "format": 1,
    "name": "days",
    "system": "market",
    "cases": ["homes"],
    "over": {
        "days": {"list": ["2026-01-05", "2026-01-06"]},
        "scenarios": {"file": "prices.csv"},
    },
}
result = run_study(study, "studies/days", workers=1)
print(result.counts)
shown = ["day", "scenario", "weight", "cost", "surplus"]
print(result.table("tasks")[shown].to_string(index=False))

# %% [markdown]
# ## One day more
# A changed list is resumed: only what is missing runs.

# %%
study["over"]["days"]["list"].append("2026-01-07")
result = run_study(study, "studies/days", workers=1, resume=True)
tasks = result.table("tasks")
print(result.counts)
mean = (tasks["weight"] * tasks["cost"]).sum() / tasks["weight"].sum()
print(f"all homes together pay {mean:.2f} EUR a day on weighted mean")

# %% [markdown]
# ## Which structure suits whom
# `by_part` has what runs tell in parts. `A|B` is A leading and B following, `A+B` both as one.

# %%
parts = result.table("by_part")
income = parts[parts["figure"] == "income_of_home"]
best = income.loc[income.groupby(["task", "group"])["value"].idxmax()]
for (home, structure), tasks_won in best.groupby(["group", "part"]).size().items():
    print(f"{home} earns most in {structure} in {tasks_won} of {len(tasks)} tasks")

# %% [markdown]
# ## What the folder holds
# The page, the ledger, a run folder for each task, and one long table for each table of the runs,
# as CSV and, with the extra `[study]`, as Parquet. `cmgplan verify studies/days` checks all of it.

# %%
print(sorted(path.name for path in result.folder.glob("*.csv")))
print(len(list(result.folder.glob("tasks/*/report.html"))), "pages of tasks")
