"""What demand response asks of a case beyond what every case of homes must have."""
