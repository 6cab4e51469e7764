"""boto3's `bedrock-runtime` client as a caller of the stack, whose provider is the simulated Bedrock; and the same client
fed with bytes, which says what boto3 makes of them without a gateway."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import EventStreamError
from tests.e2e.rig import Rig, rig
from tests.recorded import FOLDER, Recording

from sluice_client import attach

REGION = "us-east-1"
BASES = ("", "/bedrock", f"/aws-bedrock/bedrock-runtime/{REGION}")
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, read_timeout=60)
MESSAGES: Any = [{"role": "user", "content": [{"text": "Hello!"}]}]
CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0-instant"
NOVA = "amazon.nova-lite-v1:0-instant"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0-instant"
STREAMS = {"cs": ("converse_stream", "stream"), "is": ("invoke_model_with_response_stream", "body")}


@contextmanager
def simulated_bedrock(folder: Path, **others: Mapping[str, Any]) -> Iterator[Rig]:
    """A stack with the simulated Bedrock, which can replay the recordings, and `others` beside it."""
    providers = {"bedrock": {"kind": "bedrock", "region": REGION}, **others}
    with rig(folder, providers, recordings=FOLDER) as running:
        yield running


def stock_client(url: str, key: str, secret: str) -> Any:
    session = botocore.session.Session()
    session.set_credentials(key, secret)
    return session.create_client("bedrock-runtime", region_name=REGION, endpoint_url=url, config=ONE_ATTEMPT)


def client(site: Rig, base: str = "") -> Any:
    """Signs for the stack; `base` is a path that the gateway serves Bedrock under."""
    stack = site.stack
    return attach(stock_client(stack.url + base, stack.access_key_id, stack.secret_access_key))


class Reading(NamedTuple):
    """The events of a stream, and the code and message that it ended with where it was not well."""

    events: list[Any]
    error: dict[str, Any] | None = None


def read(stream: Any) -> Reading:
    """All of a stream of boto3's; it is closed then."""
    events: list[Any] = []
    try:
        events.extend(stream)
    except EventStreamError as error:
        return Reading(events, dict(error.response["Error"]))
    finally:
        stream.close()
    return Reading(events)


def direct(recording: Recording, arguments: Mapping[str, Any]) -> Reading:
    """What boto3 reads from the recording's own bytes."""
    method, member = STREAMS[recording.name[:2]]
    made = stock_client("http://127.0.0.1:9", "AKIDEXAMPLE", "fake-secret-key")
    headers = HTTPHeaders.from_dict(recording.headers)
    answer = AWSResponse("http://127.0.0.1:9", recording.status, headers, Bytes(recording.body))
    made.meta.events.register("before-send.bedrock-runtime", lambda **_: answer)
    return read(getattr(made, method)(**arguments)[member])


class Bytes:
    """A response's raw body, already here."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterable[bytes]:
        yield self._body

    def close(self) -> None: ...
