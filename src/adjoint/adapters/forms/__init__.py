"""Forms of replies: how outputs are asked for, written and read. One form a file; nothing else knows how it looks."""
