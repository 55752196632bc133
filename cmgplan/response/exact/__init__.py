"""The exact answer: the day of all homes under their policies as one mixed-integer program."""
