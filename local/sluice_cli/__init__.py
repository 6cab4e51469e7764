"""`sluice`, the command line of the gateway: runs on a laptop, reaches the gateway only over the wire."""
