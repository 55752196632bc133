"""The AC optimal power flow: problem, model, starts, bounds, explanations."""
