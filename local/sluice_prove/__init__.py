"""A prover of any OpenAI-compatible gateway: a provider that misbehaves to order, calls through the gateway, verdicts.

It knows the gateway by its URL alone.
"""
