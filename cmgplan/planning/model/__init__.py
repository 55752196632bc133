"""Sets, variables and equations of a plan: schedules, switches, the feeder, AC operation."""
