"""Whether each provider's secret is there and holds keys. Nothing of what it holds is ever shown.

Whoever operates a gateway need not be able to read its keys: where AWS denies that, the secret is only described.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from sluice_cli import aws
from sluice_cli.checks.finding import Finding, not_checked, ok, problem

NOT_THERE = "ResourceNotFoundException"
DENIED = "AccessDeniedException"
DELETED = "InvalidRequestException"
FORM = '{"api_key": "..."}'
SINGLE, SEVERAL = ("api_key", "entra_token"), ("api_keys", "entra_tokens")


def secret_findings(
    client: Any, providers: Mapping[str, Mapping[str, Any]], prefix: str | None = None
) -> Iterator[Finding]:
    """One finding per provider of the configuration. `prefix` is what the names of all that the role may read have."""
    for name, entry in providers.items():
        check, secret = f"secret of {name}", str(entry.get("secret") or "")
        if not secret:
            yield ok(check, "it needs none")
        elif prefix and is_out_of_reach(secret, prefix):
            yield problem(check, *out_of_reach(secret, prefix))
        else:
            yield _secret(client, check, secret)


def unreadable(providers: Mapping[str, Mapping[str, Any]], prefix: str) -> Iterator[str]:
    """Of each provider whose secret has a name that the gateway's role may not read."""
    for name, entry in providers.items():
        secret = str(entry.get("secret") or "")
        if secret and is_out_of_reach(secret, prefix):
            yield f"provider {name}: {'; '.join(out_of_reach(secret, prefix))}"


def is_out_of_reach(secret: str, prefix: str) -> bool:
    return not secret.startswith((f"{prefix}/", "arn:"))


def out_of_reach(secret: str, prefix: str) -> tuple[str, str]:
    """What is wrong, and what to do."""
    remedy = f"name it {prefix}/{secret.rpartition('/')[2]}, or deploy with another SecretPrefix"
    return f"the gateway's role may read {prefix}/* only, and not {secret}", remedy


def _secret(client: Any, check: str, name: str) -> Finding:
    try:
        answer = client.get_secret_value(SecretId=name)
    except ClientError as error:
        return _unread(client, check, name, error)
    except NoCredentialsError:
        raise  # nothing can be asked, which says nothing of the secret
    except BotoCoreError as error:
        return problem(check, f"Secrets Manager cannot be reached ({error})")
    count, complaint = keys_in(answer.get("SecretString"))
    if complaint:
        return problem(check, f"{name} {complaint}", put_command(client, name))
    return ok(check, f"{name} holds {count} {'key' if count == 1 else 'keys'}")


def _unread(client: Any, check: str, name: str, error: ClientError) -> Finding:
    code = aws.code_of(error)
    if code == DELETED:
        return problem(check, f"{name} cannot be read: {aws.reason(error)}", _command(client, "restore-secret", name))
    if code not in (NOT_THERE, DENIED):
        return problem(check, f"{name} cannot be read: {aws.reason(error)}")
    try:
        found = client.describe_secret(SecretId=name)
    except ClientError as second:
        if aws.code_of(second) == NOT_THERE:
            return problem(check, f"there is no secret {name}", create_command(client, name))
        return not_checked(check, f"{name}: it takes secretsmanager:DescribeSecret, or secretsmanager:GetSecretValue")
    if found.get("DeletedDate"):
        return problem(check, f"{name} is marked for deletion", _command(client, "restore-secret", name))
    if code == NOT_THERE:
        return problem(check, f"{name} has no value yet", put_command(client, name))
    return not_checked(check, f"{name} is there; what it holds takes secretsmanager:GetSecretValue")


def keys_in(text: object) -> tuple[int, str]:
    """How many keys a secret holds, and what is wrong with it; by the gateway's rules."""
    if not isinstance(text, str):
        return 0, "is binary, not text"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return 0, f"is not JSON; want {FORM}"
    if value == {}:
        return 0, "holds no key yet"
    named = [name for name in (*SINGLE, *SEVERAL) if name in value] if isinstance(value, dict) else []
    if len(named) != 1:
        return 0, f'must hold either "api_key" or "api_keys": {FORM}'
    keys = value[named[0]] if named[0] in SEVERAL else [value[named[0]]]
    if not isinstance(keys, list) or not keys or not all(map(_is_sendable, keys)):
        return 0, "holds a key that cannot be sent: empty, or with spaces or characters other than visible ASCII"
    return len(set(keys)), ""


def put_command(client: Any, name: str) -> str:
    """The command that stores a key, ready but for the key itself."""
    return f"{_command(client, 'put-secret-value', name)} --secret-string '{FORM}'"


def create_command(client: Any, name: str) -> str:
    command = _command(client, "create-secret", name).replace("--secret-id", "--name")
    return f"{command} --secret-string '{FORM}'"


def _command(client: Any, verb: str, name: str) -> str:
    return f"aws secretsmanager {verb} --region {client.meta.region_name} --secret-id {shlex.quote(name)}"


def _is_sendable(key: object) -> bool:
    text = key.rstrip("\r\n") if isinstance(key, str) else ""
    return bool(text) and all("!" <= character <= "~" for character in text)
