"""A folder that is written whole or not at all, its tables, journal and findings."""
