"""What runs where, in what pieces, at which addresses; and the flat program that says so."""
