"""Streams an answer of Claude through Sluice. Needs sluice_client, and `pip install anthropic`."""

import os

import anthropic
import httpx2

from sluice_client import FunctionUrlAuth

client = anthropic.Anthropic(
    base_url=os.environ["SLUICE_URL"],
    api_key="unused",  # your AWS identity signs the request
    http_client=httpx2.Client(auth=FunctionUrlAuth(), timeout=900),
)
with client.messages.stream(
    model="claude-haiku-4-5",
    max_tokens=1000,
    messages=[{"role": "user", "content": "Hello!"}],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
