"""What the signing proxy forwards to, and whom it takes for loopback."""

import pytest

from sluice_cli.proxy import ProxyError, checked_url, is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_loopback_names_are_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", "0.0.0.0", "[::1]"])
def test_other_names_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("url", ["https://abc.lambda-url.us-east-1.on.aws", "http://127.0.0.1:8787/", "http://[::1]:1"])
def test_a_function_url_and_the_dev_stack_can_be_forwarded_to(url: str) -> None:
    assert str(checked_url(url)).rstrip("/") == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["", "abc.lambda-url.us-east-1.on.aws", "http://example.com", "https://", "https://u@x.y", "https://x.y/?a=1"],
)
def test_anything_else_is_refused_with_what_a_function_url_looks_like(url: str) -> None:
    with pytest.raises(ProxyError, match=r"looks like https://<id>\.lambda-url\.<region>\.on\.aws"):
        checked_url(url)
