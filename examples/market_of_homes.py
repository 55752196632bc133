# %% [markdown]
# # A market of coalitions
#
# Some homes act as one group and lead; the others follow, and everybody settles at the prices that
# clear electricity and heat. In `two-homes` there are two homes: each may lead, or both together.

# %%
"""Runs the coalition market of a small case of homes and reads prices, incomes and shares."""

from pathlib import Path

from cmgplan import MarketOptions, load_case, run_market, write_market

case = load_case("two-homes", system="homes")
market = run_market(case)

# %% [markdown]
# ## Who earns what
# Income is what a home earns in the pool and from the retailer, less what it pays; here it is
# negative where a home pays more. The gap says how much more the leaders could earn at most.

# %%
for structure in market.structures:
    earned = ", ".join(f"{home} {income:.2f}" for home, income in structure.income.items())
    print(f"{structure.name}: {earned}; {structure.status}, gap {100 * structure.gap_share:.2f} %")

# %% [markdown]
# ## Prices
# The price at which all settle, and the interval of prices that clear the market.

# %%
led = next(s for s in market.structures if s.name == "A|B")
print(led.prices.table(led.name).drop(columns="way").round(3).to_string(index=False))

# %% [markdown]
# ## What a coalition is worth
# v(S) is what a group earns on its own; together both earn more than the sum of each alone.

# %%
worth = {structure.name: structure.leader_income for structure in market.structures}
print(f"A alone {worth['A']:.2f}, B alone {worth['B']:.2f}, together {worth['A+B']:.2f}")
print(f"together they gain {worth['A+B'] - worth['A'] - worth['B']:.2f} {case.file.currency}")

# %% [markdown]
# ## Posted prices
# Leaders may also post a price, which followers take or leave.

# %%
posted = run_market(case, MarketOptions(structures=("A|B",), pricing="bid")).structures[0]
print(f"A posts prices: A {posted.income['A']:.2f}, B {posted.income['B']:.2f}")

# %%
folder = write_market(market, Path("runs") / "two-homes-market")
print(sorted(path.name for path in folder.iterdir()))
