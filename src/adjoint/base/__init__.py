"""Floor 1: errors, canonical JSON, named seeds, text helpers, optional imports and the event-loop portal."""
