"""The thirteen electric and five thermal steps, and what a day by them comes to."""
