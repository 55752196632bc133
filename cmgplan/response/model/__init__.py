"""What every way to run a day shares: policies, emissions and their price, the profit."""
