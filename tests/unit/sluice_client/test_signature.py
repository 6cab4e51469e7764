"""Our signature beside botocore's own: same request, same second, same Authorization header."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sluice_client.signature import (
    TIMESTAMP,
    AccessKey,
    Scope,
    WireRequest,
    canonical_path,
    canonical_query,
    signing_headers,
)

URL = "https://abcdefghijklmnop.lambda-url.eu-central-1.on.aws"
KEY = AccessKey("AKIDEXAMPLE", "fake-secret-key")
SESSION_KEY = AccessKey("ASIAEXAMPLE", "fake-secret-key", "fake/session+token==")

TARGETS = [
    "/",
    "/v1/chat/completions",
    "/v1//chat/./completions/",
    "/v1/chat/../models",
    "/model/anthropic.claude-3-haiku-20240307-v1:0/converse",
    "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
    "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse",
    "/a b/(c)!'*~",
    "/übung/日本語",
    "/v1/models?",
    "/v1/models?limit=20&after=x",
    "/v1/models?b=2&a=1&b=1&a=",
    "/v1/models?q=a%20b&path=a/b&time=12:30&raw=%2F%3A",
    "/v1/models?q=über&emoji=😀",
    "/v1/models?flag",
    "/v1/models?a=b=c&d=%3D%26",
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("key", [KEY, SESSION_KEY], ids=["long-lived", "session"])
def test_the_signature_is_the_one_botocore_computes(target: str, key: AccessKey) -> None:
    request = httpx.Request("POST", URL + target, json={"model": "gpt-4o", "text": "héllo"})
    theirs = botocore_headers(request, key)

    ours = signing_headers(wire(request), key, scope(theirs["X-Amz-Date"]))

    assert ours["authorization"] == theirs["Authorization"]
    assert ours.get("x-amz-security-token") == theirs.get("X-Amz-Security-Token")


def test_a_request_without_a_body_is_signed_like_botocore_does() -> None:
    request = httpx.Request("GET", URL + "/v1/models")
    theirs = botocore_headers(request, KEY)

    ours = signing_headers(wire(request), KEY, scope(theirs["X-Amz-Date"]))

    assert ours["authorization"] == theirs["Authorization"]


@pytest.mark.parametrize(
    ("path", "canonical"),
    [("", "/"), ("/", "/"), ("/a/", "/a/"), ("/../a", "/a"), ("/a:b", "/a%3Ab"), ("/a%3Ab", "/a%253Ab")],
)
def test_a_path_is_normalised_and_encoded_once_more(path: str, canonical: str) -> None:
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    ("query", "canonical"),
    [("", ""), ("a", "a="), ("b=1&a=2&a=1", "a=1&a=2&b=1"), ("a=%FF", "a=%FF"), ("a=%2f", "a=%2F"), ("&a=1&", "a=1")],
)
def test_a_query_is_decoded_sorted_and_encoded(query: str, canonical: str) -> None:
    assert canonical_query(query) == canonical


def botocore_headers(request: httpx.Request, key: AccessKey) -> dict[str, str]:
    url, _, query = str(request.url).partition("?")
    pairs: Any = parse_qsl(query, keep_blank_values=True)  # botocore takes pairs, its stubs know mappings only
    headers = signed_headers(request) | {"x-amz-content-sha256": sha256(request.content).hexdigest()}
    aws = AWSRequest(method=request.method, url=url, headers=headers, data=request.content, params=pairs)
    SigV4Auth(Credentials(key.access_key, key.secret_key, key.token), "lambda", "eu-central-1").add_auth(aws)
    return dict(aws.headers)


def signed_headers(request: httpx.Request) -> dict[str, str]:
    return {name: request.headers[name] for name in ("host", "content-type") if name in request.headers}


def wire(request: httpx.Request) -> WireRequest:
    path, _, query = request.url.raw_path.decode().partition("?")
    return WireRequest(request.method, path, query, signed_headers(request), request.content)


def scope(timestamp: str) -> Scope:
    return Scope(datetime.strptime(timestamp, TIMESTAMP).replace(tzinfo=UTC), "eu-central-1", "lambda")
