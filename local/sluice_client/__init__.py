"""Clients for a Sluice function URL: signing for httpx, httpx2 and so the OpenAI SDK. See FunctionUrlAuth."""

from sluice_client.function_url import FunctionUrlAuth, SigningError

__all__ = ["FunctionUrlAuth", "SigningError"]
