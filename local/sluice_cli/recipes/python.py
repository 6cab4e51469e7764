"""Streams an answer through Sluice. Needs sluice_client, and `pip install openai`."""

import os

import httpx2
import openai

from sluice_client import FunctionUrlAuth

client = openai.OpenAI(
    base_url=os.environ["SLUICE_URL"] + "/v1",
    api_key="unused",  # your AWS identity signs the request
    http_client=httpx2.Client(auth=FunctionUrlAuth(), timeout=900),
)
stream = client.chat.completions.create(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "Hello!"}],
    stream=True,
)
for chunk in stream:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
