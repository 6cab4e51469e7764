"""What LangChain's two chat models do, for a Python that has them; standard input says which. Prints JSON."""

import json
import os
import sys
from typing import Any

import boto3
import httpx2
from langchain_aws import ChatBedrockConverse
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from sluice_client import FunctionUrlAuth, attach

QUESTION = "What is the weather in Paris and Rome?"


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"{city}: 17 degrees and rain"


WEATHER = tool(get_weather)


def converse(model: str) -> Any:
    client: Any = boto3.client("bedrock-runtime", endpoint_url=os.environ["SLUICE_URL"], region_name="us-east-1")
    return ChatBedrockConverse(client=attach(client), model=model)


def openai(model: str) -> Any:
    return ChatOpenAI(
        base_url=os.environ["SLUICE_URL"] + "/v1",
        api_key="unused",
        model=model,
        http_client=httpx2.Client(auth=FunctionUrlAuth(), timeout=60),
        stream_usage=True,
        max_retries=0,
    )


MODELS = {"converse": converse, "openai": openai}


def conversation(model: Any) -> dict[str, Any]:
    with_tools = model.bind_tools([WEATHER])
    turns: list[Any] = [HumanMessage(QUESTION)]
    called = with_tools.invoke(turns)
    results = [ToolMessage(WEATHER.invoke(call["args"]), tool_call_id=call["id"]) for call in called.tool_calls]
    answered = with_tools.invoke([*turns, called, *results])
    return {"arguments": [call["args"] for call in called.tool_calls], "answer": answered.text}


def report(model: Any) -> dict[str, Any]:
    chunks = list(model.stream("Hello!"))
    whole = model.invoke("Hello!")
    return {
        "streamed": "".join(chunk.text for chunk in chunks),
        "pieces": len(chunks),
        "streamed_usage": next((chunk.usage_metadata for chunk in reversed(chunks) if chunk.usage_metadata), None),
        "whole": whole.text,
        "usage": whole.usage_metadata,
        **conversation(model),
        "structured": model.with_structured_output(City).invoke("Tell me about the city of Oslo.").model_dump(),
    }


asked = json.load(sys.stdin)
print(json.dumps(report(MODELS[asked["with"]](asked["model"]))))
