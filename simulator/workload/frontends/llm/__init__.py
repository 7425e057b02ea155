"""Language models: published hyperparameters become the graph of a prefill or of one decode step."""
