"""The case of homes: records, reading, checking, its scenarios."""
