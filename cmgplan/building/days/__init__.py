"""Stochastic days of a case."""
