"""Streams an answer of a Bedrock model through Sluice. Needs sluice_client, and `pip install boto3`."""

import os

import boto3
from botocore.config import Config

from sluice_client import attach

client = boto3.client(
    "bedrock-runtime",
    endpoint_url=os.environ["SLUICE_URL"],
    region_name=os.environ["AWS_REGION"],
    config=Config(read_timeout=900),
)
answer = attach(client).converse_stream(
    modelId="amazon.nova-micro-v1:0",
    messages=[{"role": "user", "content": [{"text": "Hello!"}]}],
)
for event in answer["stream"]:
    print(event.get("contentBlockDelta", {}).get("delta", {}).get("text", ""), end="", flush=True)
