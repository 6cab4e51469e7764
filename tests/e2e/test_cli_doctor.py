"""`sluice doctor` on a dev stack that is well, and on one in which something is broken."""

import contextlib
import copy
import json
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.dev_process import Dev, started
from tests.e2e.loopback import Asked, Reply, serving
from tests.e2e.running import ROOT, run

from sluice_devstack.template import Template

pytestmark = pytest.mark.slow

KEY = "sk-fake-canary-of-the-doctor"
SECRET = "sluice/openai"
TABLE = Template.load(ROOT).table()
PUT = f"""aws secretsmanager put-secret-value --region us-east-1 --secret-id {SECRET} --secret-string '{{"api_key": "..."}}'"""
CREATE = (
    f"""aws secretsmanager create-secret --region us-east-1 --name {SECRET} --secret-string '{{"api_key": "..."}}'"""
)
RESTORE = f"aws secretsmanager restore-secret --region us-east-1 --secret-id {SECRET}"
Findings = dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with started(tmp_path_factory.mktemp("doctor")) as ready:
        yield ready


@pytest.fixture
def secrets(dev: Dev) -> Iterator[Any]:
    """Secrets Manager, with a good secret before and after."""
    client = dev.client("secretsmanager")
    client.put_secret_value(SecretId=SECRET, SecretString=json.dumps({"api_key": KEY}))
    yield client
    with contextlib.suppress(client.exceptions.ClientError):
        client.restore_secret(SecretId=SECRET)
    with contextlib.suppress(client.exceptions.ClientError):
        client.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    client.create_secret(Name=SECRET, SecretString=json.dumps({"api_key": KEY}))


def examined(dev: Dev, *words: str, env_file: str | None = None) -> tuple[int, Findings]:
    """The exit code, and of each check its verdict and what was said."""
    done = run("doctor", "--json", "--env-file", env_file or dev.env_file, *words)
    assert KEY not in done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["ok"] == (done.returncode == 0), done.stderr
    found = {one["check"]: (one["verdict"], f"{one['what']}; {one['remedy'] or ''}") for one in document["findings"]}
    return done.returncode, found


def problems(found: Findings) -> set[str]:
    return {check for check, (verdict, _) in found.items() if verdict == "problem"}


def test_a_stack_that_is_well_has_a_line_for_everything_and_exit_code_zero(dev: Dev, secrets: Any) -> None:
    done = dev.run("doctor", "--config", "functions/gateway.toml")

    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert {line.split("  ")[0] for line in lines[:-1]} == {"ok"}
    assert [line[13:32].strip() for line in lines[:-1]] == [
        "configuration",
        "credentials",
        "URL, unsigned",
        "clock",
        "URL, signed",
        "table",
        "table keys",
        "table indexes",
        "table stream",
        "table expiry",
        "table recovery",
        "records",
        "sweeper",
        "secret of openai",
        "access to bedrock",
    ]
    assert lines[-1] == "15 ok"
    assert KEY not in done.stdout


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("{}", "holds no key yet"),
        (KEY, 'is not JSON; want {"api_key": "..."}'),
        (json.dumps({"key": KEY}), 'must hold either "api_key" or "api_keys"'),
        (json.dumps({"api_key": KEY, "api_keys": [KEY]}), 'must hold either "api_key" or "api_keys"'),
        (json.dumps({"api_key": f" {KEY}"}), "holds a key that cannot be sent"),
        (json.dumps({"api_keys": []}), "holds a key that cannot be sent"),
    ],
)
def test_a_secret_without_a_key_gets_the_command_that_stores_one(
    dev: Dev, secrets: Any, value: str, complaint: str
) -> None:
    secrets.put_secret_value(SecretId=SECRET, SecretString=value)

    code, found = examined(dev)

    verdict, said = found["secret of openai"]
    assert (code, verdict, problems(found)) == (1, "problem", {"secret of openai"})
    assert said.startswith(f"{SECRET} {complaint}")
    assert said.endswith(PUT)


def test_the_command_for_a_key_is_one_that_a_shell_takes(dev: Dev, secrets: Any) -> None:
    assert json.loads(shlex.split(PUT)[-1]) == {"api_key": "..."}


def test_several_keys_are_counted(dev: Dev, secrets: Any) -> None:
    secrets.put_secret_value(SecretId=SECRET, SecretString=json.dumps({"api_keys": [KEY, f"{KEY}-2\n"]}))

    assert examined(dev)[1]["secret of openai"] == ("ok", f"{SECRET} holds 2 keys; ")


def test_a_secret_that_is_not_there_or_marked_for_deletion(dev: Dev, secrets: Any) -> None:
    secrets.delete_secret(SecretId=SECRET, RecoveryWindowInDays=7)
    marked = examined(dev)[1]["secret of openai"]
    secrets.restore_secret(SecretId=SECRET)
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    code, found = examined(dev)

    assert marked[0] == "problem"
    assert marked[1].endswith(RESTORE)
    assert (code, found["secret of openai"]) == (1, ("problem", f"there is no secret {SECRET}; {CREATE}"))


def test_a_secret_without_a_value(dev: Dev, secrets: Any) -> None:
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name=SECRET)

    assert examined(dev)[1]["secret of openai"] == ("problem", f"{SECRET} has no value yet; {PUT}")


def without_index(create: dict[str, Any]) -> None:
    create["GlobalSecondaryIndexes"] = [
        each for each in create["GlobalSecondaryIndexes"] if each["IndexName"] != "bytime"
    ]
    create["AttributeDefinitions"] = [
        each for each in create["AttributeDefinitions"] if not each["AttributeName"].startswith("g2")
    ]


def with_other_index(create: dict[str, Any]) -> None:
    create["GlobalSecondaryIndexes"][0]["KeySchema"][1]["AttributeName"] = "osk"
    create["AttributeDefinitions"] = [
        each for each in create["AttributeDefinitions"] if each["AttributeName"] != "g2sk"
    ]


def with_other_projection(create: dict[str, Any]) -> None:
    create["GlobalSecondaryIndexes"][0]["Projection"] = {"ProjectionType": "KEYS_ONLY"}


def with_other_keys(create: dict[str, Any]) -> None:
    create["KeySchema"] = [{"AttributeName": "pk", "KeyType": "HASH"}]
    create["AttributeDefinitions"] = [each for each in create["AttributeDefinitions"] if each["AttributeName"] != "sk"]


def without_stream(create: dict[str, Any]) -> None:
    del create["StreamSpecification"]


def with_other_stream(create: dict[str, Any]) -> None:
    create["StreamSpecification"]["StreamViewType"] = "KEYS_ONLY"


def unchanged(create: dict[str, Any]) -> None: ...


def made(
    dev: Dev, name: str, change: Callable[[dict[str, Any]], None], ttl: str | None = "exp", recovery: bool = True
) -> Any:
    """A table like the template's, but for a change."""
    client, create = dev.client("dynamodb"), copy.deepcopy(TABLE.create)
    create["TableName"] = name
    change(create)
    client.create_table(**create)
    if ttl:
        client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": ttl})
    if recovery:
        client.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    return client


@pytest.mark.parametrize(
    ("change", "settings", "check", "said"),
    [
        (without_index, {}, "table indexes", "the index bytime is missing; deploy the stack again (`sam deploy`)"),
        (with_other_index, {}, "table indexes", "the index bytime has other keys than template.yaml; deploy"),
        (with_other_projection, {}, "table indexes", "the index bytime holds other attributes than template.yaml says"),
        (with_other_keys, {}, "table keys", "the keys are pk (HASH), not pk (HASH), sk (RANGE); this is no table of"),
        (without_stream, {}, "table stream", "the stream is off, not NEW_AND_OLD_IMAGES; deploy"),
        (with_other_stream, {}, "table stream", "the stream is KEYS_ONLY, not NEW_AND_OLD_IMAGES; deploy"),
        (unchanged, {"ttl": None}, "table expiry", "records expire by nothing, not by exp; deploy"),
        (unchanged, {"ttl": "osk"}, "table expiry", "records expire by osk, not by exp; deploy"),
        (unchanged, {"recovery": False}, "table recovery", "point-in-time recovery is off: a deleted or damaged"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_table_that_is_not_the_templates_is_told(
    dev: Dev, secrets: Any, change: Callable[[dict[str, Any]], None], settings: dict[str, Any], check: str, said: str
) -> None:
    name = f"broken-{time.monotonic_ns()}"
    made(dev, name, change, **settings)

    code, found = examined(dev, "--table", name)

    assert (code, found[check][0]) == (1, "problem")
    assert found[check][1].startswith(said)
    assert problems(found) - {"records"} == {check}


def test_a_table_that_is_not_there_is_told(dev: Dev, secrets: Any) -> None:
    code, found = examined(dev, "--table", "nosuch")

    assert (code, problems(found)) == (1, {"table"})
    assert found["table"][1].startswith("there is no table 'nosuch'; its name is the stack's output TableName")


def test_reservations_that_nobody_sweeps_are_told(dev: Dev, secrets: Any) -> None:
    name = f"unswept-{time.monotonic_ns()}"
    client = made(dev, name, unchanged)
    for number, seconds in enumerate((-3600, -600, 60)):
        keys = {"pk": f"R#{number}", "sk": "R", "opk": "O#1", "osk": f"{int(time.time()) + seconds:012d}#{number}"}
        client.put_item(TableName=name, Item={attribute: {"S": value} for attribute, value in keys.items()})

    code, found = examined(dev, "--table", name)

    assert (code, problems(found)) == (1, {"sweeper"})
    assert found["sweeper"][1].startswith("2 reserved calls are past their lease and not settled; see the log group")


def test_the_newest_call_is_told(dev: Dev, secrets: Any) -> None:
    dev.call("gpt-4o-mini", stream=True)
    dev.rows(1)

    assert examined(dev)[1]["records"][1].startswith("the newest call began 20")


def rewritten(dev: Dev, folder: Path, **changes: str) -> str:
    """An env file of the same stack, but for some variables."""
    path = folder / "other.env"
    path.write_text(
        "".join(f"export {name}={shlex.quote(value)}\n" for name, value in (dev.variables | changes).items())
    )
    return str(path)


def test_a_wrong_secret_key_is_told(dev: Dev, secrets: Any, tmp_path: Path) -> None:
    code, found = examined(dev, env_file=rewritten(dev, tmp_path, AWS_SECRET_ACCESS_KEY="fake-wrong"))

    assert (code, problems(found)) == (1, {"URL, signed"})
    assert found["URL, signed"][1].startswith("refused: The request signature we calculated does not match")
    assert "the secret access key is wrong" in found["URL, signed"][1]


def test_a_wrong_region_is_told(dev: Dev, secrets: Any, tmp_path: Path) -> None:
    code, found = examined(dev, env_file=rewritten(dev, tmp_path, AWS_REGION="eu-west-1"))

    assert code == 1
    assert "sign for the URL's own region; set AWS_REGION or use --region" in found["URL, signed"][1]


def test_a_reader_without_further_permissions_is_told_what_was_not_checked(
    dev: Dev, secrets: Any, tmp_path: Path
) -> None:
    reader = rewritten(dev, tmp_path, AWS_ACCESS_KEY_ID="ASIAEXAMPLEREADERPOLICY")

    _, found = examined(dev, env_file=reader)

    assert found["table"] == ("not checked", "it takes the permission dynamodb:DescribeTable; ")
    assert found["records"][0] == "ok"
    assert found["secret of openai"][0] == "not checked"
    assert "it takes secretsmanager:DescribeSecret, or secretsmanager:GetSecretValue" in found["secret of openai"][1]


def test_a_stack_that_has_gone_is_told(dev: Dev, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    gone = rewritten(
        dev,
        tmp_path,
        SLUICE_URL=nowhere,
        AWS_ENDPOINT_URL_DYNAMODB=nowhere,
        AWS_ENDPOINT_URL_SECRETS_MANAGER=nowhere,
    )

    code, found = examined(dev, env_file=gone)

    assert (code, problems(found)) == (1, {"URL, unsigned", "URL, signed", "table", "secret of openai"})
    assert found["URL, unsigned"][1].startswith("the URL cannot be reached")
    assert found["clock"] == ("not checked", "nobody told the time; ")
    assert found["table"][1].startswith("DynamoDB cannot be reached (Could not connect")


def test_a_configuration_that_is_wrong_is_told_and_its_secrets_are_not_looked_for(dev: Dev, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('[providers.openai]\nkind = "opnai"\n')

    code, found = examined(dev, "--config", str(config))

    assert (code, problems(found)) == (1, {"configuration"})
    assert f"{config}: providers.openai.kind = 'opnai': want" in found["configuration"][1]
    assert found["secrets"][0] == "not checked"


def test_each_provider_of_the_configuration_has_its_line(dev: Dev, secrets: Any, tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(
        '[providers.openai]\nkind = "openai"\nsecret = "sluice/openai"\n'
        '[providers.local]\nkind = "compatible"\nbase_url = "http://127.0.0.1:11434/v1"\n'
        '[providers.other]\nkind = "openai"\nsecret = "sluice/other"\n'
    )

    _, found = examined(dev, "--config", str(config))

    assert found["secret of openai"][0] == found["secret of local"][0] == "ok"
    assert found["secret of other"][0] == "problem"


def test_a_secret_that_may_not_be_read_is_described(dev: Dev, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.headers["x-amz-target"] == "secretsmanager.DescribeSecret":
            return Reply(body=json.dumps({"Name": SECRET, "ARN": "arn:aws:secretsmanager:us-east-1:1:secret:x"}))
        return Reply(400, json.dumps({"__type": "AccessDeniedException", "Message": "no"}))

    with serving(answer) as url:
        code, found = examined(dev, env_file=rewritten(dev, tmp_path, AWS_ENDPOINT_URL_SECRETS_MANAGER=url))

    assert code == 0
    assert found["secret of openai"] == (
        "not checked",
        f"{SECRET} is there; what it holds takes secretsmanager:GetSecretValue; ",
    )
