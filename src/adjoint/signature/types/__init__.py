"""Types of fields that know how they stand in a prompt and how they are read from a reply."""
