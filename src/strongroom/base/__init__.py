"""Layer 0: values and protocols. Imports from an allow-list only, does no I/O, keeps no state."""
