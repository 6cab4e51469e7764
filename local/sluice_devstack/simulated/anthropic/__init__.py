"""What the simulated Anthropic says and refuses, without sockets."""
