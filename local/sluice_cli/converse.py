"""One streamed answer of Bedrock's ConverseStream through a gateway, by boto3's own client.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html. The stream has ended properly
when `messageStop` came; an exception in it is raised by botocore, and one that just stops has broken off.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from urllib3.exceptions import HTTPError

from sluice_cli import aws
from sluice_cli.failure import CommandFailed
from sluice_cli.site import Site, is_loopback
from sluice_client import SigningError, attach

SERVICE: Final = "bedrock-runtime"
ONE_ATTEMPT: Any = {"mode": "standard", "total_max_attempts": 1}
READ_SECONDS = 300  # between two events


class Converse:
    """An answer in progress. Iterate `texts()` once."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.request_id = str(answer["ResponseMetadata"]["HTTPHeaders"].get("x-request-id", ""))
        self._events = answer["stream"]

    def texts(self) -> Iterator[str]:
        """The text of each event that has any, at once. Raises CommandFailed for an answer that did not end well."""
        is_over = False
        with _translated():
            for event in self._events:
                is_over = is_over or "messageStop" in event
                if text := event.get("contentBlockDelta", {}).get("delta", {}).get("text"):
                    yield str(text)
        if not is_over:
            raise CommandFailed("the answer broke off before its end; the call's record says more")


def bedrock_runtime(site: Site) -> Any:
    """boto3's client, pointed at the gateway and signing for it; it asks once. Raises CommandFailed."""
    url, keys = site.needed_url, site.credentials
    direct: dict[str, Any] = {"proxies": {}} if is_loopback(urlsplit(url).hostname) else {}
    with _translated():
        client = boto3.session.Session().client(
            SERVICE,
            region_name=site.region,
            endpoint_url=url,
            aws_access_key_id=keys.access_key if keys else None,
            aws_secret_access_key=keys.secret_key if keys else None,
            config=Config(read_timeout=READ_SECONDS, retries=ONE_ATTEMPT, **direct),
        )
        return attach(client, site.region)


@contextlib.contextmanager
def converse(client: Any, **arguments: Any) -> Iterator[Converse]:
    """ConverseStream with the arguments that boto3 has for it; raises CommandFailed where the call is refused."""
    with _translated():
        answer = client.converse_stream(**arguments)
    with contextlib.closing(answer["stream"]):
        yield Converse(answer)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        with aws.translated("the gateway", {}):
            yield
    except SigningError as error:
        raise CommandFailed(str(error)) from error
    except HTTPError as error:
        raise CommandFailed(f"the connection to the gateway broke off ({type(error).__name__})") from error
