"""Streams an answer through Sluice, asynchronously. Needs sluice_client, and `pip install openai`."""

import asyncio
import os

import httpx2
import openai

from sluice_client import FunctionUrlAuth


async def main() -> None:
    client = openai.AsyncOpenAI(
        base_url=os.environ["SLUICE_URL"] + "/v1",
        api_key="unused",  # your AWS identity signs the request
        http_client=httpx2.AsyncClient(auth=FunctionUrlAuth(), timeout=900),
    )
    stream = await client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "Hello!"}],
        stream=True,
    )
    async for chunk in stream:
        for choice in chunk.choices:
            print(choice.delta.content or "", end="", flush=True)
    await client.close()


asyncio.run(main())
