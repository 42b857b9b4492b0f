"""What was learned: gradient checks and recovery of equations from learned terms."""
