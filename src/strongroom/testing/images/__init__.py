"""Recipes that build disk images with the tools of their formats; nothing is stored."""
