"""IAM in front of embedded AWS: who holds a policy of the template may do what it grants, and nothing else.

Strategy: the access key in the signature's scope names the holder, the target and the body name action and resource.
Keys that stand for no holder belong to the developer and may do everything. Signatures, conditions and session tokens
are not looked at. With a file to note them in, each call of a holder is written there once, as a line of JSON.
Imports nothing but the standard library: it runs in the process of embedded AWS. A service that is simulated elsewhere
asks the same Authority: `refusal(key, asked)`, with what bedrock_actions.py makes of a request to Bedrock.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
"""

import fnmatch
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"
SCOPE = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/")
OF_STREAMS = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
IN_TRANSACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
SECRET_SUFFIX = "-AbCdEf"  # AWS adds six characters of its own to a secret's name
REFUSED = "400 Bad Request"  # both services refuse with this status

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Policies = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody asks for: `dynamodb:GetItem` on an ARN."""

    name: str
    resource: str

    def is_granted(self, grants: Iterable[tuple[str, str]]) -> bool:
        return any(self.name == name and fnmatch.fnmatchcase(self.resource, resource) for name, resource in grants)


class Notes:
    """Each call once, whoever it is by; a line is one write, so several processes may share the file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: set[str] = set()

    def add(self, holder: str, action: Action, is_granted: bool) -> None:
        told = {"holder": holder, "action": action.name, "resource": action.resource, "granted": is_granted}
        line = json.dumps(told) + "\n"
        if self._path is not None and line not in self._seen:
            self._seen.add(line)
            with self._path.open("ab", buffering=0) as file:
                file.write(line.encode())


class Authority:
    """Whom each access key stands for and what that one may do; notes what is asked. `policies` is by access key."""

    def __init__(self, policies: Policies, notes: Notes) -> None:
        self._policies = policies
        self._notes = notes

    def refusal(self, access_key_id: str, asked: Iterable[Action]) -> str | None:
        """Why the call may not be made, in AWS's words for an AccessDeniedException (403 at Bedrock); None if it may.

        All of `asked` must be granted, and each is noted. A key that no holder has is the developer's.
        """
        policy = self._policies.get(access_key_id)
        if policy is None:
            return None
        refused = None
        for action in asked:
            is_granted = action.is_granted(policy["grants"])
            self._notes.add(policy["holder"], action, is_granted)
            refused = refused if is_granted else action
        return _told(policy["holder"], refused) if refused else None


class Authorized:
    """A WSGI application that refuses what a holder's policy does not grant. `policies` is by access key."""

    def __init__(self, application: Application, policies: Policies, notes: Notes) -> None:
        self._application = application
        self._authority = Authority(policies, notes)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        asked = actions(scope["service"], scope["region"], environ) if scope else []
        refusal = self._authority.refusal(scope["key"], asked) if scope else None
        return _refuse(refusal, start_response) if refusal else self._application(environ, start_response)


def actions(service: str, region: str, environ: Environ) -> list[Action]:
    """What the request asks for, each resource for itself; its body can be read again afterwards."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    place = f"arn:aws:{service}:{region}:{ACCOUNT}:"
    return [Action(f"{service}:{name}", place + resource) for name, resource in _asked(operation, body)]


def _asked(operation: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Actions, each with the part of its resource's ARN behind the account."""
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        yield operation, "*"
        return
    if "TransactItems" in asked:
        yield from _of_transaction(asked["TransactItems"])
    else:
        yield from ((operation, resource) for resource in _resources(operation, asked))


def _of_transaction(items: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """A transaction asks for no action of its own, but for that of each of its items."""
    for item in items:
        for kind, each in item.items():
            yield IN_TRANSACTIONS.get(kind, kind), f"table/{_last(each['TableName'])}"


def _resources(operation: str, asked: Mapping[str, Any]) -> list[str]:
    """`*` for an operation on none, which no exact grant covers."""
    if operation in OF_STREAMS:
        return [_stream(asked)]
    if "Entries" in asked:
        return [f"event-bus/{_last(each.get('EventBusName', 'default'))}" for each in asked["Entries"]]
    if "TableName" in asked:
        index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
        return [f"table/{_last(asked['TableName'])}{index}"]
    if "RequestItems" in asked:
        return [f"table/{_last(name)}" for name in asked["RequestItems"]]
    return [f"secret:{_last(asked['SecretId'], ':')}{SECRET_SUFFIX}" if "SecretId" in asked else "*"]


def _stream(asked: Mapping[str, Any]) -> str:
    """A stream by its ARN, by an iterator that begins with it, or as that of a table."""
    arn = str(asked.get("StreamArn") or asked.get("ShardIterator", "")).partition("|")[0]
    return arn.split(":", 5)[5] if arn.count(":") >= 5 else f"table/{_last(asked.get('TableName', '*'))}/stream/"


def _last(name: str, separator: str = "/") -> str:
    """A name may be given as an ARN too."""
    return name.rpartition(separator)[2] if name.startswith("arn:") else name


def _told(holder: str, refused: Action) -> str:
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/{holder}/local"
    return (
        f"User: {who} is not authorized to perform: {refused.name} on resource: {refused.resource} "
        f"because no identity-based policy allows the {refused.name} action"
    )


def _refuse(message: str, start_response: StartResponse) -> list[bytes]:
    document = {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": message}
    start_response(REFUSED, [("Content-Type", "application/x-amz-json-1.0")])
    return [json.dumps(document).encode()]
