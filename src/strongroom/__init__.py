"""Strongroom: the local-first workbench for machines and secrets that must not leave the room."""

__version__ = "0.1.0"
