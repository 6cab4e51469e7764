"""`sluice config push` and `rollback` on a running gateway: every environment follows, and nothing bad gets in."""

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.rig import MESSAGES, Rig, eventually, rig
from tests.e2e.running import run

from sluice_cli import local_stack
from sluice_cli.environment_file import EnvironmentFile
from sluice_devstack.stack import DEVELOPER, ROOT
from sluice_devstack.template import Template

pytestmark = pytest.mark.slow

OPENAI: Mapping[str, Any] = {"openai": {"kind": "openai", "secret": "sluice/openai"}}
MODEL, SLOW = "openai/gpt-4o-mini", "openai/gpt-4o-mini-slow"  # both last long enough for another call beside them
LOOKS = {"SLUICE_CONFIG_SECONDS": "0.2"}
HOLDERS = Template.load(ROOT).holders()
Done = subprocess.CompletedProcess[str]


class Site:
    """A stack of two environments that look for a configuration five times a second, and a command line beside it."""

    def __init__(self, running: Rig, folder: Path, lines: list[str]) -> None:
        self.rig, self.folder, self.lines = running, folder, lines
        self.env_file = folder / "stack.env"
        EnvironmentFile(self.env_file).write(local_stack.variables(running.stack))

    def config(self, *words: str, env_file: Path | None = None) -> Done:
        return run("config", *words, "--env-file", str(env_file or self.env_file))

    def file(self, **routes: str) -> Path:
        path = self.folder / "next.toml"
        path.write_text(toml(**routes), encoding="utf-8")
        return path

    def pushed(self, *words: str, **routes: str) -> dict[str, Any]:
        """What a push of these routes says of itself."""
        done = self.config("push", str(self.file(**routes)), "--json", *words)
        assert (done.returncode, done.stderr) == (0, "")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def statuses(self, model: str) -> list[int]:
        """Of a call in each environment: the second begins while the first, if it is answered, still streams."""
        body = {"model": model, "messages": MESSAGES, "stream": True, "max_tokens": 30}
        with self.rig.begin(body) as one, self.rig.begin(body) as other:
            heads = one.head, other.head
            for each in (one, other):
                each.answer()
        return [head.status_code for head in heads]

    def until(self, model: str, status: int) -> None:
        """Until both environments answer so."""
        eventually(lambda: self.statuses(model) == [status] * 2 or None, f"{model} is {status}")

    def write(self, sort: str, **values: Any) -> None:
        """Into the table, past the command line."""
        self.rig.dynamodb("PutItem", Item={"pk": {"S": "C#config"}, "sk": {"S": sort}, **values})

    def in_force(self) -> int:
        found: int = json.loads(self.config("list", "--json").stdout)["in_force"]["version"]
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, lines = tmp_path_factory.mktemp("push"), list[str]()
    options = {"environments": 2, "environment_variables": LOOKS, "echo": lines.append, "shows_logs": True}
    with rig(folder, OPENAI, **options) as running:
        yield Site(running, folder, lines)


def toml(**routes: str) -> str:
    lines = [f'"{name}" = "{model}"' for name, model in routes.items()]
    return "\n".join(['[providers.openai]\nkind = "openai"\nsecret = "sluice/openai"', "[routes]", *lines, ""])


def test_a_push_reaches_every_environment_and_a_rollback_takes_it_back(site: Site) -> None:
    before = site.statuses("smart")
    first = site.pushed("--comment", "a smart one", smart=MODEL)
    site.until("smart", 200)
    second = site.pushed(fast=MODEL)
    site.until("fast", 200)
    without = site.statuses("smart")

    back = site.config("rollback")
    site.until("smart", 200)
    deployed = site.config("rollback", "--to", "deployed", "--json")
    site.until("smart", 404)
    listed = json.loads(site.config("list", "--json").stdout)

    assert (before, without) == ([404, 404], [404, 404])
    assert (first["version"], first["replaced"], second["replaced"]) == (1, 0, 1)
    assert back.stdout == (
        "version 1 is in force again: calls that begin in 20 s are served by it; it replaced version 2\n"
    )
    assert json.loads(deployed.stdout) == {"version": 0, "replaced": 1, "changed": True, "warnings": []}
    assert (listed["in_force"]["version"], listed["in_force"]["by"]) == (0, DEVELOPER.access_key_id)
    assert [(one["version"], one["comment"]) for one in listed["versions"]] == [(2, None), (1, "a smart one")]
    assert len(site.rig.stack.environments) == 2


def test_a_stream_under_way_goes_on_as_it_began(site: Site) -> None:
    site.pushed(old=SLOW, quick=MODEL)
    site.until("quick", 200)

    with site.rig.begin({"model": "old", "messages": MESSAGES, "stream": True, "max_tokens": 40}) as begun:
        begun.chunk()
        site.pushed(new=MODEL)
        eventually(lambda: site.rig.ask("new").status == 200 or None, "the other environment has the new one")
        answer = begun.answer()

    assert answer.body.endswith(b"data: [DONE]\n\n")
    site.until("old", 404)


def test_what_was_pushed_can_be_read_again(site: Site) -> None:
    number = str(site.pushed(readable=MODEL)["version"])

    shown, document = site.config("show", number), json.loads(site.config("show", "--json").stdout)

    assert shown.stdout == document["toml"] == toml(readable=MODEL)
    assert document["sha256"] == hashlib.sha256(shown.stdout.encode()).hexdigest()
    assert (document["version"], document["by"]) == (int(number), DEVELOPER.access_key_id)


def test_what_the_gateway_would_not_start_with_is_not_pushed(site: Site) -> None:
    held = site.in_force()

    done = site.config("push", str(site.file(wrong="opnai/x")))

    says = "routes.wrong = 'opnai/x': want provider/model with one of the providers openai"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"next.toml: {says}\n")
    assert site.in_force() == held


def test_the_same_again_changes_nothing(site: Site) -> None:
    number = site.pushed(same=MODEL)["version"]

    again = site.pushed(same=MODEL)

    assert again == {"version": number, "replaced": number, "changed": False, "warnings": []}


def test_whoever_expected_something_else_is_told_and_changes_nothing(site: Site) -> None:
    number = site.pushed(mine=MODEL)["version"]

    done = site.config("push", str(site.file(yours=MODEL)), "--expect", "deployed")

    by = DEVELOPER.access_key_id
    assert done.returncode == 1
    assert done.stderr == (
        f"sluice config: version {number} is in force, by {by}, and not the deployed file; nothing was changed\n"
    )
    assert site.in_force() == number


@pytest.mark.fault("K05")
@pytest.mark.parametrize(
    ("number", "written", "says"),
    [
        (900_000_001, {"toml": {"S": '[providers.openai]\nkind = "openai"\nsecrt = "x"\n'}}, "unknown key"),
        (900_000_002, {"toml": {"B": "eJw="}}, "not of 1 to"),
    ],
)
def test_a_bad_configuration_in_the_table_changes_nothing_and_rings(
    site: Site, number: int, written: Mapping[str, Any], says: str
) -> None:
    site.pushed(good=MODEL)
    site.until("good", 200)
    began, content = len(site.lines), written["toml"].get("S", "")

    site.write(f"V#{number:012d}", **written)
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    site.write("current", v={"N": str(number)}, sha={"S": sha256})
    rung = eventually(lambda: alarms(site, began, number, 2), "both environments ring")
    statuses = site.statuses("good")

    assert statuses == [200, 200]
    assert all(says in each["error"] for each in rung)
    assert {each["table"] for each in rung} == {site.rig.stack.table}
    assert site.pushed(mended=MODEL)["replaced"] == number
    site.until("mended", 200)


def alarms(site: Site, began: int, number: int, count: int) -> list[dict[str, Any]] | None:
    """The lines of the alarm about that version, once there are so many; calls make environments look."""
    assert site.statuses("good") == [200, 200]
    lines = [json.loads(line[line.index("{") :]) for line in site.lines[began:] if "sluice.config_refused" in line]
    found = [line for line in lines if line["version"] == number]
    return found if len(found) >= count else None


@pytest.mark.fault("X01")
def test_the_policy_for_configurations_is_what_the_command_line_needs(site: Site) -> None:
    environment = site.folder / "operator.env"
    EnvironmentFile(environment).write({**local_stack.variables(site.rig.stack), **HOLDERS["ConfigPolicy"].variables})
    path = str(site.file(granted=MODEL))
    words: list[list[str]] = [["push", path], ["list"], ["show"], ["rollback"]]

    ends = [site.config(*each, env_file=environment) for each in words]

    assert [(end.returncode, end.stderr) for end in ends] == [(0, "")] * len(ends)
