"""A day of homes as it was run: dispatch, tables, totals, verification."""
