"""From one dialect to another, one file per pair: JSON values in, JSON values out, no I/O."""
