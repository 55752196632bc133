"""Buildings on a feeder: its voltages by scenario and hour, and supply while a line is out."""
