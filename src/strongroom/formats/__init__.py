"""Layer 1: pure parsers, one file a format. They do no I/O, never log, never hang."""
