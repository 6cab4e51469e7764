"""AWS clients for a site, and botocore's failures as one line each."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)

from sluice_cli.failure import CommandFailed
from sluice_cli.site import Site, is_loopback
from sluice_client.function_url import NO_CREDENTIALS

MOST_WORDS = 300
CONNECT_SECONDS, READ_SECONDS = 3, 10
RETRIES: Any = {"mode": "standard", "total_max_attempts": 3}
NO_REGION = "no region; set AWS_REGION or use --region"
ENDPOINTS = {
    "dynamodb": "AWS_ENDPOINT_URL_DYNAMODB",
    "secretsmanager": "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "sts": "AWS_ENDPOINT_URL_STS",
    "cloudformation": "AWS_ENDPOINT_URL_CLOUDFORMATION",
    "iam": "AWS_ENDPOINT_URL_IAM",
}


def client(service: str, site: Site, environ: Mapping[str, str]) -> Any:
    """A client of `service`, where the site has it and with its credentials; else AWS's own chain and endpoints.

    Raises CommandFailed where there is no region, or AWS's configuration is broken.
    """
    url = site.endpoints.get(service) or environ.get(ENDPOINTS[service])
    direct: dict[str, Any] = {"proxies": {}} if url and is_loopback(urlsplit(url).hostname) else {}
    keys = site.credentials
    with translated(service, {}):
        return boto3.session.Session().client(
            service,  # type: ignore[call-overload]
            region_name=region(site, environ),
            endpoint_url=url,
            aws_access_key_id=keys.access_key if keys else None,
            aws_secret_access_key=keys.secret_key if keys else None,
            config=Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries=RETRIES, **direct),
        )


def region(site: Site, environ: Mapping[str, str]) -> str | None:
    """The site's, else that of AWS's own configuration; raises CommandFailed where that cannot be read."""
    try:
        return site.region or boto3.session.Session().region_name or environ.get("AWS_REGION")
    except BotoCoreError as error:
        raise CommandFailed(str(error)) from error


@contextlib.contextmanager
def translated(what: str, known: Mapping[str, str]) -> Iterator[None]:
    """botocore's failures as CommandFailed. `what` was asked; `known` maps AWS's error codes to our own words."""
    try:
        yield
    except ClientError as error:
        raise CommandFailed(known.get(code_of(error)) or f"{what} refused: {reason(error)}") from error
    except NoCredentialsError as error:
        raise CommandFailed(NO_CREDENTIALS) from error
    except NoRegionError as error:
        raise CommandFailed(NO_REGION) from error
    except (ConnectionError, HTTPClientError) as error:
        raise CommandFailed(f"{what} cannot be reached ({error}); {_way_out(error)}") from error
    except BotoCoreError as error:
        raise CommandFailed(str(error)) from error


def _way_out(error: BotoCoreError) -> str:
    """What may be wrong with an address that does not answer."""
    if is_loopback(urlsplit(str(error.kwargs.get("endpoint_url", ""))).hostname):
        return "is `sluice dev` still running?"
    return "is this machine online, and is that the right region?"


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def reason(error: ClientError) -> str:
    """AWS's code and words on one line, cut: what stands in for AWS may answer with a page."""
    message = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
    return f"{code_of(error)}: {message if len(message) <= MOST_WORDS else message[:MOST_WORDS] + ' ...'}"
