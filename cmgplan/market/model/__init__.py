"""Homes as arrays: values of coalitions, and the problem of leaders over their followers."""
