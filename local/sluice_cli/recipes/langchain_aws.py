"""Streams an answer of a Bedrock model through Sluice with LangChain. Needs sluice_client, and langchain-aws."""

import os

import boto3
from botocore.config import Config
from langchain_aws import ChatBedrockConverse

from sluice_client import attach

client = boto3.client(
    "bedrock-runtime",
    endpoint_url=os.environ["SLUICE_URL"],
    region_name=os.environ["AWS_REGION"],
    config=Config(read_timeout=900),
)
model = ChatBedrockConverse(client=attach(client), model="amazon.nova-micro-v1:0")
for chunk in model.stream("Hello!"):
    print(chunk.text, end="", flush=True)
