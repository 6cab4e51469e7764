"""A simulated Bedrock in a loop of its own, and AWS's client for it."""

import json
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config
from tests import recorded

from sluice_devstack.authorization import Authority, Notes
from sluice_devstack.bedrock_simulator import SimulatedBedrock
from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.roles import Grant, Holder, policies
from sluice_devstack.sigv4 import Identity
from sluice_devstack.simulated.bedrock.access import Access, identity

REGION, OTHER_REGION = "us-east-1", "eu-central-1"
API_KEY = "bedrock-api-key-fake"
DEVELOPER = Identity("AKIDEXAMPLE", "fake-secret", "arn:aws:iam::123456789012:user/developer")
MODELS = f"arn:aws:bedrock:{REGION}::foundation-model/*"
READER = Holder("Reader", (Grant("bedrock:InvokeModel", f"{MODELS[:-1]}amazon.nova-micro-v1:0"),))
CLAUDE, NOVA = "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-micro-v1:0"


class BedrockRig:
    """`calls` is the file that the calls of the template's holders are noted in."""

    def __init__(self, loop: EventLoopThread, calls: Path | None = None, **options: Any) -> None:
        self.loop = loop
        authority = Authority(policies([READER]), Notes(calls))
        access = Access([DEVELOPER, identity(READER)], authority, [REGION, OTHER_REGION], [API_KEY])
        chosen = {"tokens_per_second": None, "stall_seconds": 0.3, "recordings": recorded.FOLDER, **options}
        self.simulator = SimulatedBedrock(access, **chosen)
        self.url = loop.run(self.simulator.start())
        self.http = httpx.Client(timeout=20, headers={"authorization": f"Bearer {API_KEY}"})
        self.client = self.client_of(DEVELOPER)

    def client_of(self, who: Identity, region: str = REGION) -> Any:
        return boto3.client(
            "bedrock-runtime",
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=who.access_key_id,
            aws_secret_access_key=who.secret_access_key,
            aws_session_token=who.session_token,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
        )

    def close(self) -> None:
        self.client.close()
        self.http.close()
        self.loop.run(self.simulator.stop())

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.http.post(f"{self.url}{path}", json=body)

    def stream(self, model: str, text: str = "Hello!", **options: Any) -> list[dict[str, Any]]:
        """The events of ConverseStream."""
        answer = self.client.converse_stream(modelId=model, messages=[user(text)], **options)
        return list(answer["stream"])

    def chunks(self, model: str, **body: Any) -> list[dict[str, Any]]:
        """The documents inside the chunks of InvokeModelWithResponseStream."""
        answer = self.client.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))
        return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": text}]}


def tool(name: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"toolSpec": {"name": name, "inputSchema": {"json": schema}}}


def text_of(events: list[dict[str, Any]]) -> str:
    deltas = (event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event)
    return "".join(delta.get("text", "") for delta in deltas)
