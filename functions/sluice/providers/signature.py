"""SigV4 for requests to Bedrock, with the function's own credentials.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html; botocore signs, and here is what it signs.
"""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from sluice.providers.posting import key_refused

SERVICE = "bedrock"
NO_CREDENTIALS = "the function has no AWS credentials to call Bedrock with; look at its role"


class Signer:
    """Signs POSTs for one region. `credentials` gives those of the moment, None where there are none."""

    def __init__(self, credentials: Callable[[], Any], region: str) -> None:
        self._credentials = credentials
        self._region = region

    def __call__(self, url: str, payload: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        """All headers to send. Raises UpstreamAuth where there is nothing to sign with."""
        try:
            found = self._credentials()
        except BotoCoreError:
            found = None
        if found is None:
            raise key_refused(NO_CREDENTIALS)
        request = AWSRequest("POST", url, dict(headers), payload)
        SigV4Auth(found, SERVICE, self._region).add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}
