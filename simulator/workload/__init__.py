"""Networks: frozen nouns, operators, frontends, execution. Knows no hardware."""
