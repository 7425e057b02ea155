"""Readers: a file becomes a Graph."""
