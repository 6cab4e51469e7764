"""Responses: `POST /v1/responses`, and the conversations they continue."""
