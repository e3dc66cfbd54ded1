"""Floor 8: the newcomer's first run: a small program made better three ways, measured on untouched rows."""
