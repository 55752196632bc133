# %% [markdown]
# # Homes that respond to price and emission
#
# Each home may move load and run its plant by a policy: by price, by emission, or by both. The
# exact answer is proven, and every other way to run the day is held against it. The two
# homes of `two-homes` have the policy `none`: the exact answer may move load to any hour, the rules
# move nothing. `hmg3-response` has a home of each policy, with appliances, cars and engines.

# %%
"""Runs demand response of a small case: the exact answer beside the day by rules."""

from pathlib import Path

from cmgplan import ResponseOptions, load_case, run_response, write_response

case = load_case("two-homes", system="homes")
for home in case.homes:
    print(f"{home.id}: policy {home.policy}")

# %% [markdown]
# ## Two ways to run the day
# `rules` follows the policies hour by hour without a solver; `exact` knows the whole day. One
# profit counts for both, and `bound` is what no day can exceed.

# %%
options = ResponseOptions(methods=("exact", "rules"), compare=False)
result = run_response(case, options)
for name, method in result.methods.items():
    print(f"{name}: profit {method.profit.total:.2f} {case.file.currency}, {method.status}")
print(f"no day has more than {result.bound:.2f}")

# %%
folder = write_response(result, Path("runs") / "two-homes-response")
print(sorted(path.name for path in folder.iterdir()))
