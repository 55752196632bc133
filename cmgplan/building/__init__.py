"""The building: a day of homes by priority rules, as a coalition or everyone alone."""
