"""One module per command: `parser()` and `run(options, terminal)`, the exit code."""
