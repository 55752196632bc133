"""Figures of a day of homes, drawn from the tables of its run, and what is said of them."""
