"""Population methods for black boxes: differential evolution, bats, swarms and a control."""
