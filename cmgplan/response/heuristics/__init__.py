"""Population methods on the response day: points decoded to feasible schedules, many at once."""
