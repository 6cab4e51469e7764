"""The nouns every floor shares: frozen data, no I/O."""
