"""IAM in front of embedded AWS: who holds a policy of the template may do what it grants, and nothing else.

Strategy: the access key in the signature's scope names the holder, the target and the body name action and resource.
Keys that stand for no holder belong to the developer and may do everything. Signatures, conditions and session tokens
are not looked at. With a file to note them in, each call of a holder is written there once, as a line of JSON.
Imports nothing but the standard library: it runs in the process of embedded AWS.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
"""

import fnmatch
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"
SCOPE = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/")
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


class Authorized:
    """A WSGI application that refuses what a holder's policy does not grant. `policies` is by access key."""

    def __init__(self, application: Application, policies: Policies, notes: Notes) -> None:
        self._application = application
        self._policies = policies
        self._notes = notes

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        policy = self._policies.get(scope["key"]) if scope else None
        if scope is None or policy is None:
            return self._application(environ, start_response)
        refused = None
        for asked in actions(scope["service"], scope["region"], environ):
            is_granted = asked.is_granted(policy["grants"])
            self._notes.add(policy["holder"], asked, is_granted)
            refused = refused if is_granted else asked
        return _refuse(policy, refused, start_response) if refused else self._application(environ, start_response)


def actions(service: str, region: str, environ: Environ) -> list[Action]:
    """What the request asks for, each resource for itself; its body can be read again afterwards."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    place = f"arn:aws:{service}:{region}:{ACCOUNT}:"
    return [Action(f"{service}:{operation}", place + resource) for resource in _resources(body)]


def _resources(body: bytes) -> list[str]:
    """The parts of the ARNs behind the account; `*` for an operation on none, which no exact grant covers."""
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        return ["*"]
    if "TableName" in asked:
        index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
        return [f"table/{_last(asked['TableName'])}{index}"]
    if "RequestItems" in asked:
        return [f"table/{_last(name)}" for name in asked["RequestItems"]]
    return [f"secret:{_last(asked['SecretId'], ':')}{SECRET_SUFFIX}" if "SecretId" in asked else "*"]


def _last(name: str, separator: str = "/") -> str:
    """A name may be given as an ARN too."""
    return name.rpartition(separator)[2] if name.startswith("arn:") else name


def _refuse(policy: Mapping[str, Any], asked: Action, start_response: StartResponse) -> list[bytes]:
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/{policy['holder']}/local"
    message = (
        f"User: {who} is not authorized to perform: {asked.name} on resource: {asked.resource} "
        f"because no identity-based policy allows the {asked.name} action"
    )
    document = {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": message}
    start_response(REFUSED, [("Content-Type", "application/x-amz-json-1.0")])
    return [json.dumps(document).encode()]
