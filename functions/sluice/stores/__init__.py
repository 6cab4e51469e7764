"""What outlives an environment: the ledger's table and the provider keys."""
