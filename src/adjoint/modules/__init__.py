"""Floor 5: the modules a program is made of."""
