"""Floor 1: errors, canonical JSON, named seeds, secrets, parts of messages, other people's code and the event-loop portal."""
