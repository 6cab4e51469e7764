"""From a model string to the target that will answer."""
