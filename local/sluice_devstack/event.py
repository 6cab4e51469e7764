"""The events that Lambda hands to the functions: payload 2.0 of a function URL, and the tick of a schedule.

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html. Header names are lower case, repeated headers
and query parameters are joined by commas, cookies stand apart, `body` is absent when there is none, and a body that is
not text is base64. Unverified: whether AWS decodes `rawPath` (here it stays as sent), whether the headers of the
signature reach the function (here they do, the stricter case), and that requestContext.requestId is the invocation's.
"""

import base64
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from sluice_devstack.sigv4 import Identity, SignedRequest

TEXT_TYPES = ("text", "json", "xml")
LEFT_OUT = frozenset(
    {
        "connection",
        "cookie",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class UrlSite:
    """The function URL as AWS would name it."""

    account_id: str
    region: str
    url_id: str = "sluicedev"

    @property
    def domain_name(self) -> str:
        return f"{self.url_id}.lambda-url.{self.region}.on.aws"


@dataclass(frozen=True, slots=True)
class Arrival:
    """When and whence a request came, and the ids that Lambda gave it."""

    request_id: str
    trace_id: str
    source_ip: str
    at: datetime


def function_url_event(
    site: UrlSite, request: SignedRequest, arrival: Arrival, caller: Identity | None
) -> dict[str, Any]:
    """The event for a request; `caller` is None where the URL asks for no signature."""
    headers = _joined([pair for pair in request.headers if pair[0] not in LEFT_OUT])
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers | _added_headers(arrival),
        "requestContext": _context(site, request, arrival, caller, headers.get("user-agent", "")),
        "isBase64Encoded": False,
    }
    cookies = [cookie.strip() for name, line in request.headers if name == "cookie" for cookie in line.split(";")]
    if cookies:
        event["cookies"] = cookies
    if request.query:
        event["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    return event | _body(request.body, headers.get("content-type", ""))


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _added_headers(arrival: Arrival) -> dict[str, str]:
    return {
        "x-amzn-trace-id": arrival.trace_id,
        "x-amzn-tls-version": "TLSv1.3",
        "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256",
        "x-forwarded-proto": "https",
        "x-forwarded-port": "443",
        "x-forwarded-for": arrival.source_ip,
    }


def _context(
    site: UrlSite, request: SignedRequest, arrival: Arrival, caller: Identity | None, user_agent: str
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "accountId": site.account_id if caller else "anonymous",
        "apiId": site.url_id,
        "authentication": None,
        "domainName": site.domain_name,
        "domainPrefix": site.url_id,
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": "HTTP/1.1",
            "sourceIp": arrival.source_ip,
            "userAgent": user_agent,
        },
        "requestId": arrival.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": arrival.at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(arrival.at.timestamp() * 1000),
    }
    return context | ({"authorizer": {"iam": _iam(caller)}} if caller else {})


def _iam(caller: Identity) -> dict[str, Any]:
    return {
        "accessKey": caller.access_key_id,
        "accountId": caller.account_id,
        "callerId": caller.user_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.user_arn,
        "userId": caller.user_id,
    }


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    if not body:
        return {}
    if any(word in content_type.lower() for word in TEXT_TYPES):
        try:
            return {"body": body.decode("utf-8")}
        except UnicodeDecodeError:
            pass  # not the text it says it is: base64 keeps its bytes
    return {"body": base64.b64encode(body).decode("ascii"), "isBase64Encoded": True}


def scheduled_event(site: UrlSite, rule: str, time: str) -> dict[str, Any]:
    """EventBridge's scheduled event: https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": site.account_id,
        "time": time,
        "region": site.region,
        "resources": [f"arn:aws:events:{site.region}:{site.account_id}:rule/{rule}"],
        "detail": {},
    }
