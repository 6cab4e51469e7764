"""What is signed, as botocore's own verifier of the dev stack reads it."""

from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError

from sluice.domain.errors import UpstreamAuth
from sluice.providers.signature import NO_CREDENTIALS, Signer

URL = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-v1%3A0/converse"
KEYS = Credentials("AKIDEXAMPLE", "fake-secret", "fake-token")


def signed(url: str = URL, payload: bytes = b"{}", **headers: str) -> dict[str, str]:
    return Signer(lambda: KEYS, "us-east-1")(url, payload, {"content-type": "application/json", **headers})


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_all_that_is_sent_goes_along_with_the_signature() -> None:
    found = lower(signed(accept="*/*"))

    assert found["content-type"] == "application/json"
    assert found["accept"] == "*/*"
    assert found["x-amz-security-token"] == "fake-token"
    assert "/us-east-1/bedrock/aws4_request" in found["authorization"]
    assert "fake-secret" not in str(found)


def test_the_body_and_the_url_and_the_headers_are_signed() -> None:
    def signature(**changes: Any) -> str:
        return lower(signed(**changes))["authorization"].rpartition("Signature=")[2]

    different = {
        signature(),
        signature(payload=b"{ }"),
        signature(url=URL.replace("converse", "invoke")),
        signature(accept="a"),
    }

    assert len(different) == 4


def test_credentials_are_asked_for_each_call() -> None:
    """A role's expire; botocore renews them."""
    rotating = iter([Credentials("AKIDONE", "fake"), Credentials("AKIDTWO", "fake")])
    sign = Signer(lambda: next(rotating), "us-east-1")

    assert "AKIDONE" in lower(sign(URL, b"", {}))["authorization"]
    assert "AKIDTWO" in lower(sign(URL, b"", {}))["authorization"]


def test_without_credentials_it_says_whose_they_would_be() -> None:
    def raising() -> Any:
        raise CredentialRetrievalError(provider="container", error_msg="secret detail")

    for source in (lambda: None, raising):
        with pytest.raises(UpstreamAuth) as raised:
            Signer(source, "us-east-1")(URL, b"", {})
        assert raised.value.message == NO_CREDENTIALS
        assert raised.value.headers == {"x-should-retry": "false"}
