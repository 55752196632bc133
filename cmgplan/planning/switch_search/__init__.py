"""The search for switch schedules: decomposition by hours, or the whole problem at once."""
