"""Upstream APIs: a target and a call in, an answer that streams out."""
