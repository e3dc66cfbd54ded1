"""Floor 2: executors, how many things run at once."""
