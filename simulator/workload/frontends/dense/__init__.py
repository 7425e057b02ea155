"""Fully connected networks from text: weights, and labelled samples to train and to test on."""
