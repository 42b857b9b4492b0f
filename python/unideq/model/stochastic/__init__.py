"""What `SDE` is made of: its diffusion, its schemes as graphs of a step, and the moments of its transitions."""
