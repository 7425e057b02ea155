"""What a chip is made of: frozen components with pure models."""
