"""What the rules work on: the units' plant, their stores, the state of a day, sharing."""
