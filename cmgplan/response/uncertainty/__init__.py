"""What uncertain load, weather and prices do to a response day, and what foresight is worth."""
