"""Cores, one file each; a file registers its kind."""
