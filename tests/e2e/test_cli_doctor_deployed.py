"""`sluice doctor` on what looks like a deployed gateway: AWS and the URL are stand-ins that refuse in AWS's words."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.loopback import Asked, Reply, refusal, result, serving
from tests.e2e.running import COMMAND, PATIENCE_SECONDS, ROOT, environment, run

from sluice_devstack.sigv4 import MISMATCH, UNKNOWN, UNSIGNED
from sluice_devstack.template import Template

pytestmark = pytest.mark.slow

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLEDOCTOR",
    "AWS_SECRET_ACCESS_KEY": "fake-secret-of-the-operator",
    "AWS_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
USER = "arn:aws:iam::123456789012:user/team/ann"
SESSION = "arn:aws:sts::123456789012:assumed-role/Developers/ann"
SSO = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Developer_0123456789abcdef/ann"
POLICY = "arn:aws:iam::123456789012:policy/sluice-CallerPolicy-1"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:sluice-GatewayFunction-1:live"
ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
FORBIDDEN = Reply(403, json.dumps({"Message": UNSIGNED}), {"x-amzn-ErrorType": "AccessDeniedException"})
NOBODY = Reply(403, json.dumps({"Message": None}), {"x-amzn-ErrorType": "AccessDeniedException"})
MODELS = Reply(body=json.dumps({"object": "list", "data": [{"id": "gpt-4o-mini"}]}))
STATUS = "UPDATE_COMPLETE"
Answers = Mapping[str, Callable[[Asked], Reply]]


def url_that(signed: Reply, unsigned: Reply = FORBIDDEN) -> Callable[[Asked], Reply]:
    return lambda asked: signed if asked.is_signed else unsigned


def who(arn: str = USER) -> Callable[[Asked], Reply]:
    identity = {"Arn": arn, "UserId": "AIDAEXAMPLE", "Account": "123456789012"}
    return lambda _: result("GetCallerIdentity", identity)


@contextmanager
def aws(answers: Answers, gateway: Callable[[Asked], Reply] | None = None) -> Iterator[tuple[str, dict[str, str]]]:
    """The gateway's URL, and the variables that lead to AWS, which gives these answers and denies all else."""

    def service(asked: Asked) -> Reply:
        target = asked.headers.get("x-amz-target", "").rpartition(".")[2] or asked.parameters.get("Action", "")
        if target in answers:
            return answers[target](asked)
        return Reply(400, json.dumps({"__type": "AccessDeniedException", "message": "no"}))

    with serving(gateway or url_that(MODELS)) as url, serving(service) as endpoint:
        names = ("STS", "CLOUDFORMATION", "IAM", "DYNAMODB", "SECRETS_MANAGER")
        yield url, CREDENTIALS | {f"AWS_ENDPOINT_URL_{name}": endpoint for name in names}


def stack(url: str, status: str = STATUS, **outputs: str) -> Callable[[Asked], Reply]:
    told = {
        "FunctionUrl": f"{url}/",
        "TableName": "sluice-LedgerTable-1",
        "CallerPolicyArn": POLICY,
        "GatewayFunctionName": "sluice-GatewayFunction-1",
        "OpenAISecretName": "sluice/openai",
        **outputs,
    }
    pairs = [{"OutputKey": name, "OutputValue": value} for name, value in told.items() if value]
    content = {"StackName": "prod", "CreationTime": "2026-11-20T00:00:00Z", "StackStatus": status, "Outputs": pairs}
    return lambda _: result("DescribeStacks", {"Stacks": [content]})


def examined(variables: Mapping[str, str], *words: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """From a folder that has no configuration, so that none is judged."""
    command = [*COMMAND, "doctor", "--json", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(**variables), cwd="/", timeout=PATIENCE_SECONDS
    )
    assert done.stdout, done.stderr
    document = json.loads(done.stdout)
    assert document["ok"] == (done.returncode == 0)
    return done.returncode, {
        one["check"]: (one["verdict"], f"{one['what']}; {one['remedy'] or ''}") for one in document["findings"]
    }


def test_a_deployed_stack_is_found_by_its_name_and_what_aws_denies_is_not_checked() -> None:
    outputs: dict[str, str] = {}
    with aws({"GetCallerIdentity": who(), "DescribeStacks": lambda asked: stack(outputs["url"])(asked)}) as (
        url,
        known,
    ):
        outputs["url"] = url
        code, found = examined(known, "--stack", "prod", "--config", str(ROOT / "functions/gateway.toml"))

    assert found["credentials"] == ("ok", f"{USER} in eu-west-1; ")
    assert found["stack"] == ("ok", "prod in eu-west-1 is UPDATE_COMPLETE; ")
    assert found["URL, signed"] == ("ok", "GET /v1/models lists 1 models; ")
    assert found["access to bedrock"][0] == "not checked"
    assert found["table"] == ("not checked", "it takes the permission dynamodb:DescribeTable; ")
    assert found["records"][0] == "problem"
    assert "attach the policy of the stack's output ReaderPolicyArn" in found["records"][1]
    assert found["secret of openai"][0] == "not checked"
    assert code == 1


def test_a_secret_that_the_gateways_role_may_not_read_is_told(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('[providers.openai]\nkind = "openai"\nsecret = "keys/openai"\n')
    answers = {"GetCallerIdentity": who(), "DescribeStacks": stack("https://a.invalid", OpenAISecretName="prod/openai")}

    with aws(answers) as (_, known):
        _, found = examined(known, "--stack", "prod", "--config", str(config))

    assert found["secret of openai"] == (
        "problem",
        "the gateway's role may read prod/* only, and not keys/openai; "
        "name it prod/openai, or deploy with another SecretPrefix",
    )


def test_a_log_group_is_named_as_the_stack_has_it() -> None:
    outputs: dict[str, str] = {}
    answers = {"GetCallerIdentity": who(), "DescribeStacks": lambda asked: stack(outputs["url"])(asked)}
    with aws(answers, url_that(Reply(502, "Internal Server Error"))) as (url, known):
        outputs["url"] = url
        _, found = examined(known, "--stack", "prod")

    assert found["URL, signed"][1].endswith("see the gateway's log group, /aws/lambda/prod-gateway")


def examined_url(gateway: Callable[[Asked], Reply], answers: Answers | None = None) -> tuple[int, Any]:
    with aws({"GetCallerIdentity": who(), **(answers or {})}, gateway) as (url, known):
        return examined(known, "--url", url)


@pytest.mark.parametrize(
    ("gateway", "check", "said"),
    [
        (
            url_that(MODELS, MODELS),
            "URL, unsigned",
            "anybody may call: the URL asks for no signature (AuthType NONE); set",
        ),
        (url_that(NOBODY, NOBODY), "URL, unsigned", "AWS knows no such URL; there is no function URL of that name"),
        (url_that(NOBODY, NOBODY), "URL, signed", "AWS knows no such URL; there is no function URL of that name"),
        (
            url_that(MODELS, Reply(404, "<html>")),
            "URL, unsigned",
            "answered 404 where 403 was expected; is that the URL",
        ),
        (
            url_that(Reply(404, '{"error":{"code":"not_found"}}')),
            "URL, signed",
            "GET /v1/models answered 404 not_found",
        ),
        (
            url_that(Reply(502, "Internal Server Error")),
            "URL, signed",
            "GET /v1/models answered 502 Internal Server Error;",
        ),
        (url_that(Reply(429, '{"Reason":"x"}')), "URL, signed", "GET /v1/models answered 429"),
        (url_that(Reply(200, "<html>")), "URL, signed", "GET /v1/models answered 200 with something that is no list"),
        (url_that(Reply(403, json.dumps({"message": MISMATCH}))), "URL, signed", "refused: The request signature"),
        (url_that(Reply(403, json.dumps({"message": UNKNOWN}))), "URL, signed", "refused: The security token included"),
    ],
)
def test_an_answer_of_the_url_that_is_not_right_is_told(
    gateway: Callable[[Asked], Reply], check: str, said: str
) -> None:
    code, found = examined_url(gateway)

    assert code == 1
    assert found[check][0] == "problem"
    assert found[check][1].startswith(said)


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("Signature expired: 20261120T000000Z is now earlier than 20261120T001000Z (..)", "set this machine's clock"),
        ("Signature not yet current: 20261120T000000Z is still later than ..", "set this machine's clock"),
        ("Credential should be scoped to correct service: 'lambda'.", "sign for the service lambda"),
        ("Credential should be scoped to a valid region, not 'us-east-2'.", "sign for the URL's own region"),
        (MISMATCH, "the secret access key is wrong, or something on the way changes the request"),
        (UNKNOWN, "AWS does not know these credentials; sign in again"),
    ],
)
def test_a_signature_that_is_refused_gets_its_remedy(message: str, remedy: str) -> None:
    _, found = examined_url(url_that(Reply(403, json.dumps({"message": message}))))

    assert f"; {remedy}" in found["URL, signed"][1]


@pytest.mark.parametrize(("seconds", "word"), [(-600, "fast"), (3600, "slow")])
def test_a_clock_that_is_off_is_told(seconds: int, word: str) -> None:
    there = {"Date": formatdate(time.time() + seconds, usegmt=True)}

    code, found = examined_url(url_that(MODELS, Reply(403, FORBIDDEN.body, there)))

    assert (code, found["clock"][0]) == (1, "problem")
    assert word in found["clock"][1]
    assert "timedatectl set-ntp true" in found["clock"][1]


def test_a_clock_that_is_a_little_off_is_well() -> None:
    there = {"Date": formatdate(time.time() - 100, usegmt=True)}

    assert examined_url(url_that(MODELS, Reply(403, FORBIDDEN.body, there)))[1]["clock"][0] == "ok"


def simulated(denied: str) -> Callable[[Asked], Reply]:
    """IAM's answer, in which one action is denied; it checks what it was asked."""

    def answer(asked: Asked) -> Reply:
        parameters = asked.parameters
        assert parameters["ResourceArns.member.1"] == FUNCTION
        assert [parameters[f"ActionNames.member.{number}"] for number in (1, 2)] == list(ACTIONS)
        decisions = {name: "implicitDeny" if name == denied else "allowed" for name in ACTIONS}
        results = [{"EvalActionName": name, "EvalDecision": decision} for name, decision in decisions.items()]
        return result("SimulatePrincipalPolicy", {"EvaluationResults": results})

    return answer


def denied(principal: str, answers: Answers) -> str:
    """What is said of a signed call that lacks a permission."""
    outputs: dict[str, str] = {}
    known_answers = {"GetCallerIdentity": who(principal), "DescribeStacks": lambda asked: stack(outputs["url"])(asked)}
    with aws({**known_answers, **answers}, url_that(FORBIDDEN)) as (url, known):
        outputs["url"] = url
        code, found = examined(known, "--stack", "prod")
    assert (code, found["URL, signed"][0]) == (1, "problem")
    return found["URL, signed"][1]


@pytest.mark.parametrize("action", ACTIONS)
def test_the_permission_that_is_missing_is_named(action: str) -> None:
    said = denied(USER, {"SimulatePrincipalPolicy": simulated(action)})

    assert f"{USER} lacks {action}; " in said
    assert said.endswith(f"aws iam attach-user-policy --user-name ann --policy-arn {POLICY}")


@pytest.mark.parametrize(
    ("principal", "remedy"),
    [
        (USER, f"aws iam attach-user-policy --user-name ann --policy-arn {POLICY}"),
        (SESSION, f"aws iam attach-role-policy --role-name Developers --policy-arn {POLICY}"),
        (SSO, f"attach {POLICY} to the permission set in IAM Identity Center"),
        ("arn:aws:iam::123456789012:root", f"attach {POLICY} to arn:aws:iam::123456789012:root"),
    ],
)
def test_where_iam_does_not_tell_both_are_named_and_how_to_give_them(principal: str, remedy: str) -> None:
    said = denied(principal, {"SimulatePrincipalPolicy": lambda _: refusal(403, "AccessDenied", "no")})

    assert f"{principal} lacks lambda:InvokeFunctionUrl and lambda:InvokeFunction, one of them or both; " in said
    assert said.endswith(remedy)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("InvalidClientTokenId", "AWS does not know this access key"),
        ("ExpiredToken", "sign in again (`aws sso login`)"),
        ("SignatureDoesNotMatch", "the secret access key is not the one of this access key id"),
        ("RequestExpired", "set this machine's clock"),
    ],
)
def test_credentials_that_aws_refuses_are_told(code: str, remedy: str) -> None:
    exit_code, found = examined_url(url_that(MODELS), {"GetCallerIdentity": lambda _: refusal(403, code, "not so")})

    assert (exit_code, found["credentials"][0]) == (1, "problem")
    assert found["credentials"][1].startswith(f"AWS refuses these credentials: {code}: not so; {remedy}")


def test_without_credentials_the_way_to_some_is_told() -> None:
    with aws({}) as (url, known):
        none = {name: value for name, value in known.items() if "KEY" not in name}
        code, found = examined(none, "--url", url)

    assert (code, found["credentials"][0]) == (1, "problem")
    assert found["credentials"][1].startswith("no AWS credentials found; set AWS_PROFILE")
    assert found["URL, unsigned"][0] == "ok"
    assert found["URL, signed"][0] == "not checked"


def test_without_a_region_that_is_told() -> None:
    with aws({}) as (url, known):
        code, found = examined({**known, "AWS_REGION": ""}, "--url", url)

    assert (code, found["region"]) == (1, ("problem", "none is set; set AWS_REGION, or use --region"))


def test_without_a_network_credentials_are_not_checked() -> None:
    with aws({}) as (url, known):
        _, found = examined({**known, "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"}, "--url", url)

    assert found["credentials"][0] == "not checked"
    assert found["credentials"][1].startswith("STS cannot be reached")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: refusal(400, "ValidationError", "no"), "no stack 'prod' in eu-west-1; name its region"),
        (lambda _: refusal(403, "AccessDenied", "no"), "this takes the permission cloudformation:DescribeStacks"),
        (stack("https://a.b", FunctionUrl=""), "stack prod has no output FunctionUrl; is it one of Sluice's"),
        (stack("https://a.invalid", "ROLLBACK_COMPLETE"), "prod is ROLLBACK_COMPLETE; CloudFormation's events say why"),
    ],
)
def test_a_stack_that_is_not_right_is_told(answer: Callable[[Asked], Reply], said: str) -> None:
    with aws({"GetCallerIdentity": who(), "DescribeStacks": answer}) as (_, known):
        code, found = examined(known, "--stack", "prod")

    assert (code, found["stack"][0]) == (1, "problem")
    assert found["stack"][1].startswith(said)


def test_a_table_that_is_not_ready_is_told() -> None:
    described = {"Table": {"TableStatus": "CREATING", **Template.load(ROOT).table().create}}
    with aws({"GetCallerIdentity": who(), "DescribeTable": lambda _: Reply(body=json.dumps(described))}) as (_, known):
        _, found = examined(known, "--table", "sluice-LedgerTable-1")

    assert found["table"] == (
        "problem",
        "sluice-LedgerTable-1 is CREATING; wait until it is ACTIVE, then look again",
    )
    assert found["URL, signed"] == ("not checked", "no URL is known; name it with --url or --stack")


def test_without_a_gateway_nothing_is_guessed(tmp_path: Path) -> None:
    env_file = tmp_path / "empty.env"
    env_file.write_text("")

    done = run("doctor", "--env-file", str(env_file))

    assert done.returncode == 2
    assert done.stderr == (
        "sluice doctor: no gateway named; use --stack, --url or --table, or run `sluice dev` in another terminal\n"
    )


def test_usage_and_logs_find_the_table_and_chat_the_url_by_the_stack() -> None:
    asked: list[dict[str, Any]] = []
    outputs: dict[str, str] = {}

    def query(request: Asked) -> Reply:
        asked.append(json.loads(request.body))
        return Reply(body=json.dumps({"Items": [], "Count": 0}))

    answers = {
        "DescribeStacks": lambda request: stack(outputs["url"])(request),
        "GetItem": lambda _: Reply(body="{}"),
        "Query": query,
    }
    with aws(answers, url_that(Reply(429, '{"message":"slow down"}'))) as (url, known):
        outputs["url"] = url
        for command in ("usage", "logs"):
            done = run(command, "--stack", "prod", variables=known)
            assert (done.returncode, "in table sluice-LedgerTable-1\n" in done.stderr) == (0, True), done.stderr
        answered = run("chat", "--stack", "prod", "Hi", variables=known)

    assert {one["TableName"] for one in asked} == {"sluice-LedgerTable-1"}
    assert answered.stderr == f"sluice chat: {url} answered 429 slow down\n"
