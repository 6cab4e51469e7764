"""Clients for a Sluice function URL. FunctionUrlAuth signs for httpx and httpx2, and so for the OpenAI and Anthropic
SDKs; attach() makes a boto3 `bedrock-runtime` client sign."""

from sluice_client.bedrock_client import attach
from sluice_client.function_url import FunctionUrlAuth, SigningError

__all__ = ["FunctionUrlAuth", "SigningError", "attach"]
