"""What the rules lose against the one-owner optimum, and what groups of units are worth."""
