"""What the user gave: records, reading and checking."""
