"""The one-owner optimum: the day of all homes if one party owned everything."""
