"""One radial configuration for all hours of a day, or one for each block of hours."""
