"""By the command line's rules a secret holds what the gateway's find in it."""

import json

import pytest

from sluice.stores import secrets
from sluice_cli.checks import provider_secrets

TOKEN = "eyJ.fake.token"


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ({"api_key": "sk-fake-1"}, 1),
        ({"api_keys": ["sk-fake-1", "sk-fake-2"]}, 2),
        ({"entra_token": TOKEN}, 1),
        ({"entra_tokens": [TOKEN, "eyJ.fake.next"]}, 2),
        ({"entra_tokens": TOKEN}, 0),
        ({"entra_token": TOKEN, "api_key": "sk-fake-1"}, 0),
        ({"token": TOKEN}, 0),
    ],
)
def test_both_find_the_same_number_of_keys(value: object, count: int) -> None:
    text = json.dumps(value)

    found, complaint = provider_secrets.keys_in(text)

    assert found == len(secrets.keys_in({"SecretString": text})) == count
    assert bool(complaint) is (found == 0)


def test_a_secret_under_another_prefix_than_the_role_may_read_is_named_with_what_to_do() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sluice/openai-AbCdEf"
    secrets_of = {"openai": "sluice/openai", "bedrock": "", "arn": arn, "other": "team/x", "alike": "sluice-2/openai"}
    providers = {name: {"kind": "openai", "secret": secret} for name, secret in secrets_of.items()}

    found = list(provider_secrets.unreadable(providers, "sluice"))

    assert found == [
        "provider other: the gateway's role may read sluice/* only, and not team/x; "
        "name it sluice/x, or deploy with another SecretPrefix",
        "provider alike: the gateway's role may read sluice/* only, and not sluice-2/openai; "
        "name it sluice/openai, or deploy with another SecretPrefix",
    ]
