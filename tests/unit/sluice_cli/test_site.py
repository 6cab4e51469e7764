from pathlib import Path

import pytest

from sluice_cli.environment_file import EnvironmentFile
from sluice_cli.failure import UsageError
from sluice_cli.site import FixedCredentials, Site, Sources, checked_url

DEV = {
    "SLUICE_URL": "http://127.0.0.1:8787",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLEDEV",
    "AWS_SECRET_ACCESS_KEY": "fake-secret",
    "AWS_REGION": "us-east-1",
    "SLUICE_TABLE": "sluice-dev",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8788",
}
DEV_SITE = Site(
    url="http://127.0.0.1:8787",
    region="us-east-1",
    table="sluice-dev",
    dynamodb_url="http://127.0.0.1:8788",
    credentials=FixedCredentials("AKIDEXAMPLEDEV", "fake-secret"),
)
DEPLOYED = "https://abc.lambda-url.eu-west-1.on.aws"


@pytest.fixture
def running(tmp_path: Path) -> Path:
    path = tmp_path / "dev.env"
    EnvironmentFile(path).write(DEV)
    return path


def test_a_running_dev_stack_is_found_by_itself(running: Path) -> None:
    sources = Sources({}, fallback=running)

    assert sources.by_url(None) == DEV_SITE
    assert sources.by_table(None) == DEV_SITE


def test_the_environment_comes_before_a_running_dev_stack(running: Path) -> None:
    sources = Sources({"SLUICE_URL": DEPLOYED, "SLUICE_TABLE": "ledger"}, fallback=running)

    assert sources.by_url(None) == Site(url=DEPLOYED, table="ledger")
    assert sources.by_table(None) == Site(url=DEPLOYED, table="ledger")


def test_a_named_env_file_comes_before_the_environment(running: Path) -> None:
    sources = Sources({"SLUICE_URL": DEPLOYED}, chosen=running, fallback=Path("nowhere"))

    assert sources.by_url(None) == DEV_SITE


def test_the_dev_stacks_credentials_are_used_for_its_own_url_only(running: Path) -> None:
    sources = Sources({}, fallback=running)

    assert sources.by_url("http://127.0.0.1:8787/v1").credentials == DEV_SITE.credentials
    assert sources.by_url(DEPLOYED) == Site(url=DEPLOYED)


def test_the_dev_stacks_engine_is_asked_for_its_own_table_only(running: Path) -> None:
    sources = Sources({}, fallback=running)

    assert sources.by_table("sluice-dev") == DEV_SITE
    assert sources.by_table("ledger", "eu-west-1") == Site(table="ledger", region="eu-west-1")


def test_without_any_source_nothing_is_known_and_the_way_out_is_told() -> None:
    site = Sources({}, fallback=Path("nowhere")).by_url(None)

    with pytest.raises(UsageError, match="run `sluice dev` in another terminal, set SLUICE_URL, or use --url"):
        _ = site.needed_url


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        (DEPLOYED + "/", DEPLOYED),
        (DEPLOYED + "/v1/", DEPLOYED),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:1/v1", "http://[::1]:1"),
        ("https://proxy.example/sluice", "https://proxy.example/sluice"),
    ],
)
def test_a_url_is_taken_as_people_type_it(typed: str, url: str) -> None:
    assert checked_url(typed) == url


@pytest.mark.parametrize(
    "typed",
    [
        "abc.on.aws",
        "ftp://x",
        "https://",
        "https://u:p@x.y",
        "https://x.y/?a=1",
        "https://[::1",
        "https://x.y:99999",
        "https://x.y:0",
        "https://x.y/\x1b[31m",
        "https://gateway\u202e.example",
    ],
)
def test_what_is_no_url_is_told_what_is(typed: str) -> None:
    with pytest.raises(UsageError, match=r"https://<id>\.lambda-url\.<region>\.on\.aws is one"):
        checked_url(typed)


def test_prompts_do_not_leave_the_machine_in_the_clear() -> None:
    with pytest.raises(UsageError, match="in the clear"):
        checked_url("http://gateway.example")


def test_no_secret_is_in_what_is_printed_of_a_site() -> None:
    assert "fake-secret" not in repr(DEV_SITE)
