# %% [markdown]
# # The best day of a few homes
#
# What would one owner of all homes do? The answer is proven, and it is what every other way to
# run the day is priced against. `two-homes` has three hours and is solved by hand in its
# SOURCES.md; put `"hmg3"` or the folder of your own case in its place.

# %%
"""Finds the one-owner optimum of a case of homes, and a front of cost against emission."""

from pathlib import Path

from cmgplan import OptimumOptions, find_optimum, load_case, write_optimum

case = load_case("two-homes", system="homes")
print(f"{case.name}: homes {', '.join(case.ids)}, {case.hours} hours, {case.file.currency}")
for home in case.homes:
    print(home.id, [f"{device.id} ({device.kind})" for device in home.devices()])

# %% [markdown]
# ## Least cost
# `bound` is what no day can cost less than. By hand the day costs 6.21 EUR and emits 33 kg.

# %%
result = find_optimum(case)
day = result.point
print(f"{day.status}: {day.cost:.2f} {case.file.currency}, {day.emission_kg:.1f} kg")
print(f"bound {day.bound:.2f}, gap {100 * day.gap:.2f} %")

# %% [markdown]
# ## A price on emission
# With 1 EUR a kg the day costs more and emits less.

# %%
greener = find_optimum(case, OptimumOptions(emission_weight=1.0)).point
print(f"{greener.cost:.2f} {case.file.currency}, {greener.emission_kg:.2f} kg")

# %% [markdown]
# ## A front
# From least cost to least emission; the compromise is the fuzzy max-min choice.

# %%
front = find_optimum(case, OptimumOptions(front=4))
for number, point in enumerate(front.points):
    mark = "*" if number == front.selected else " "
    print(f"{mark} {point.cost:6.2f} {case.file.currency}  {point.emission_kg:6.2f} kg")

# %% [markdown]
# ## Keeping it
# The folder holds the page, tables of what every device does and who paid whom, and a copy of the
# case. It was verified from its files before it was put in place.

# %%
folder = write_optimum(result, Path("runs") / "two-homes-optimum")
print(sorted(path.name for path in folder.iterdir()))
