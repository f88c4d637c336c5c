"""Training: configuration, losses, the two stages, the loop."""
