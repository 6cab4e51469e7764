"""Streams an answer through Sluice with LangChain. Needs sluice_client, and `pip install langchain-openai`."""

import os

import httpx2
from langchain_openai import ChatOpenAI

from sluice_client import FunctionUrlAuth

auth = FunctionUrlAuth()
model = ChatOpenAI(
    base_url=os.environ["SLUICE_URL"] + "/v1",
    api_key="unused",  # your AWS identity signs the request
    model="gpt-4o-mini",
    http_client=httpx2.Client(auth=auth, timeout=900),
    http_async_client=httpx2.AsyncClient(auth=auth, timeout=900),
)
for chunk in model.stream("Hello!"):
    print(chunk.content, end="", flush=True)
