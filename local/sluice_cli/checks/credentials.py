"""Whose AWS credentials these are, by asking STS, which needs no permission.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, NoCredentialsError

from sluice_cli import aws
from sluice_cli.checks.finding import Finding, not_checked, ok, problem
from sluice_client.function_url import NO_CREDENTIALS

CHECK = "credentials"
SIGN_IN = "sign in again (`aws sso login`), or set AWS_PROFILE to one that works"
SKEW = "set this machine's clock; see the line about it"
REMEDIES = {
    "ExpiredToken": SIGN_IN,
    "ExpiredTokenException": SIGN_IN,
    "InvalidClientTokenId": f"AWS does not know this access key: {SIGN_IN}",
    "UnrecognizedClientException": f"AWS does not know this access key: {SIGN_IN}",
    "SignatureDoesNotMatch": "the secret access key is not the one of this access key id; copy both again",
    "RequestExpired": SKEW,
    "RequestTimeTooSkewed": SKEW,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, once that is known."""

    arn: str
    account: str


def caller(client: Any) -> tuple[Caller | None, Finding]:
    """`client` is one of STS, made for the credentials in question."""
    try:
        answer: Mapping[str, Any] = client.get_caller_identity()
    except NoCredentialsError:
        return None, problem(CHECK, *NO_CREDENTIALS.split("; ", 1))
    except ClientError as error:
        remedy = REMEDIES.get(aws.code_of(error), SIGN_IN)
        return None, problem(CHECK, f"AWS refuses these credentials: {aws.reason(error)}", remedy)
    except (ConnectionError, HTTPClientError) as error:
        return None, not_checked(CHECK, f"STS cannot be reached ({error})", "is this machine online?")
    except BotoCoreError as error:
        return None, problem(CHECK, f"AWS credentials cannot be loaded: {error}", SIGN_IN)
    found = Caller(str(answer["Arn"]), str(answer["Account"]))
    return found, ok(CHECK, f"{found.arn} in {client.meta.region_name}")
