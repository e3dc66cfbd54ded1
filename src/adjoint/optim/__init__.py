"""Floor 7: the Study and the strategies that it drives."""
