"""The command line: argv in, ops called, text or records out."""
