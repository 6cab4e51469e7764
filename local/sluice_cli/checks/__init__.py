"""What `sluice doctor` looks at, a module per thing. Each returns findings; what was to be expected is not raised."""
