"""The training loop and what the stages bring to it."""
