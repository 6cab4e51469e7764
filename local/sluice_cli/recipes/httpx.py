"""Prints the events of a stream through Sluice. Needs sluice_client, and `pip install httpx`."""

import os

import httpx

from sluice_client import FunctionUrlAuth

url = os.environ["SLUICE_URL"] + "/v1/chat/completions"
body = {"model": "gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": "Hello!"}]}
with httpx.stream("POST", url, json=body, auth=FunctionUrlAuth(), timeout=900) as response:
    for text in response.iter_text():
        print(text, end="", flush=True)
