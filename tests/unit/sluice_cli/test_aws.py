import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from sluice_cli.aws import reason, translated
from sluice_cli.failure import CommandFailed


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("http://127.0.0.1:8788/", "is `sluice dev` still running?"),
        ("https://dynamodb.mars-1.amazonaws.com/", "is this machine online, and is that the right region?"),
    ],
)
@pytest.mark.parametrize("kind", [EndpointConnectionError, ConnectTimeoutError])
def test_an_address_that_does_not_answer_is_told_with_what_may_be_wrong(
    url: str, right: str, kind: type[EndpointConnectionError]
) -> None:
    with pytest.raises(CommandFailed) as failed, translated("the ledger", {}):
        raise kind(endpoint_url=url, error="x")

    assert str(failed.value).startswith("the ledger cannot be reached (")
    assert url in str(failed.value)
    assert str(failed.value).endswith(f"; {right}")


def test_a_page_in_place_of_an_answer_is_cut_to_a_line() -> None:
    error = ClientError({"Error": {"Code": "500", "Message": "<html>\n" + "x" * 10_000}}, "Query")

    assert reason(error).startswith("500: <html> xxx")
    assert len(reason(error)) < 320
