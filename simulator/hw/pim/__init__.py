"""Memories that compute: their microkernels as streams of transactions of a channel. docs/models/pim.md."""
