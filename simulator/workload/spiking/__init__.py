"""Spiking networks: the noun, its neuron models, and what its neurons do step by step."""
