"""Floor 6: textual gradients, from a loss back to the parameters that caused it."""
