# %% [markdown]
# # A building by priority rules
#
# A controller that follows rules needs no forecast and no solver. What do they cost,
# beside the best day there is? Every case of homes can be run so; `apartment5` is
# the one of five units.

# %%
"""Runs an apartment building by rules, together and alone, and prices both against the optimum."""

from pathlib import Path

from cmgplan import BuildingOptions, load_case, run_building, write_building

case = load_case("apartment5", system="homes")
building = run_building(case)

# %% [markdown]
# ## Both ways beside their optima
# `coalition`: all units share by the rules. `alone`: each runs its own plant by the same rules.

# %%
for way, total in building.totals.items():
    best = building.optimum[way].cost
    print(f"{way}: {total['cost']:.2f} by the rules, {best:.2f} at best, {case.file.currency}")

# %% [markdown]
# ## Who pays what
# A unit may lose by sharing: then the rules divide what is gained unfairly.

# %%
for unit, pays in building.units.items():
    print(f"{unit}: {pays['coalition']:.2f} in the coalition, {pays['alone']:.2f} alone")
print(f"lose in the coalition: {', '.join(building.losers) or 'nobody'}")

# %% [markdown]
# ## Rules that pay
# The same day by rules that let energy go where it earns most.

# %%
paying = run_building(case, BuildingOptions(rules="paying", priced=False))
print(f"coalition by the paper's rules {building.totals['coalition']['cost']:.2f}")
print(f"coalition by rules that pay    {paying.totals['coalition']['cost']:.2f}")

# %%
folder = write_building(building, Path("runs") / "apartment5-building")
print(sorted(path.name for path in folder.iterdir()))
