import pytest

from sluice.domain.errors import Unauthenticated
from sluice.domain.principal import Principal
from sluice.policy.authentication import principal


def event(arn: str) -> dict[str, object]:
    return {"requestContext": {"authorizer": {"iam": {"userArn": arn, "accountId": "123456789012"}}}}


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:iam::123456789012:user/ada", Principal("arn:aws:iam::123456789012:user/ada", "123456789012")),
        ("arn:aws:iam::123456789012:root", Principal("arn:aws:iam::123456789012:root", "123456789012")),
        (
            "arn:aws:sts::123456789012:assumed-role/Developers/ada@example.com",
            Principal("arn:aws:sts::123456789012:assumed-role/Developers", "123456789012", "ada@example.com"),
        ),
    ],
)
def test_a_role_is_one_principal_whatever_its_session(arn: str, expected: Principal) -> None:
    assert principal(event(arn)) == expected


@pytest.mark.parametrize("broken", [{}, {"requestContext": None}, event("ada"), event("")])
def test_no_identity_is_no_call(broken: dict[str, object]) -> None:
    with pytest.raises(Unauthenticated):
        principal(broken)
