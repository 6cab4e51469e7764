"""Nothing is loaded at start that no call of OpenAI's needs: each import is paid at every cold start.

"Needed" is measured: an environment is loaded as Lambda loads it (build/host, no site-packages), every event of
events/ is called, and a profile function notes whose code runs. A module of ours has to run then, or to stand below
as one that builds. What our code imports at its top has to run too, or to stand below with what it is for. Nothing
else may arrive: neither another distribution nor another part of the standard library.

What speaks to Bedrock and Anthropic, what translates, what serves Cloudflare's paths, and what explains a dry run is
loaded by the first call that needs it. So calls of OpenAI's surface at OpenAI load nothing, and all others load our own
modules alone.
"""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from tests.e2e.rig import defect_of_the_build
from tests.house.repository import ROOT

from sluice_devstack.aws import EmbeddedAws
from sluice_devstack.bedrock_simulator import SimulatedBedrock
from sluice_devstack.event_loop import EventLoopThread
from sluice_devstack.sigv4 import Identity
from sluice_devstack.simulated.bedrock.access import Access
from sluice_devstack.simulator import SimulatedOpenAI
from sluice_devstack.template import Template

HOST = ROOT / "build" / "host"
FUNCTIONS = ROOT / "functions"
SCRIPT = Path(__file__).with_name("start_modules.py")
KEY = "sk-fake-start"
ROLE = Identity("AKIDEXAMPLE", "fake-secret-access-key", "arn:aws:sts::123456789012:assumed-role/gateway/start")
LINE = re.compile(r"import time:\s+(?P<own>\d+) \|\s+(?P<all>\d+) \|(?P<indent> +)(?P<name>\S+)")

BUILDS = {
    "sluice.checked": "what gateway.toml may say",
    "sluice.domain.operation": "a table: the operations",
    "sluice.presets": "a table: what a provider's preset fills in",
    "sluice.domain.clock": "hands out the functions of `time`",
    "sluice.settings": "what gateway.toml and the environment may say",
    "sluice.provider_settings": "what gateway.toml may say of a provider",
    "sluice.route_settings": "what gateway.toml may say of a route",
    "sluice.domain.policy": "the policies that gateway.toml may say",
    "sluice.policy.patterns": "how they name callers and models, where there are any",
    "sluice.routing.pace": "how soon targets begin, where a route goes by latency",
    "sluice.stores.paces": "the rows of that",
    "sluice.stores.patience": "how long a failing table is waited for, where something fails",
    "sluice.stores.retry_tokens": "the rows of the retry budget, where something fails",
    "sluice.early": "heartbeats before the answer, where a configuration asks for them",
    "sluice.stores.aws": "makes the clients, once",
    "sluice.stores.service_models": "the two service descriptions that the clients are made of",
}
LOADED_LATER = {
    "sluice.codecs.eventstream",
    "sluice.codecs.messages_dialect",
    "sluice.explanation",
    "sluice.providers.bedrock",
    "sluice.providers.signature",
    "sluice.surfaces.azure",
    "sluice.surfaces.compat",
    "sluice.surfaces.universal",
    "sluice.translation.families_table",
    "sluice.translation.requests.chat_to_converse",
}
BEFORE_THE_FIRST_CALL = {
    "__future__": "a switch of the compiler",
    "botocore.exceptions": "definitions",
    "botocore.httpsession": "where botocore has its root certificates",
    "botocore.loaders": "the clients' descriptions",
    "certifi": "the TLS context",
    "datetime": "C, so no Python code of it runs",
    "decimal": "exact prices, read once",
    "hashlib": "C, so no Python code of it runs",
    "itertools": "C, so no Python code of it runs",
    "math": "C, so no Python code of it runs",
    "operator": "C, so no Python code of it runs",
    "pathlib": "where gateway.toml is",
    "select": "whether a kept connection still stands; the first call has none",
    "ssl": "the TLS context",
    "threading": "one lock",
    "tomllib": "gateway.toml",
    "traceback": "where an unexpected error came from; a millisecond then would be spent on a failing call",
}
DISTRIBUTIONS = {
    "aws_lambda_powertools": "routing, log, metrics",
    "awslambdaric": "the loop over the Runtime API",
    "botocore": "DynamoDB and Secrets Manager",
    "certifi": "root certificates",
    "dateutil": "botocore imports it",
    "h11": "HTTP to providers",
    "httpx": "requests and responses of providers",
    "idna": "httpx imports it",
    "jmespath": "botocore and Powertools import it",
    "runtime_client": "awslambdaric's native part",
    "simplejson": "awslambdaric imports it",
    "six": "dateutil imports it",
    "snapshot_restore_py": "awslambdaric imports it under SnapStart",
    "typing_extensions": "Powertools imports it",
    "urllib3": "botocore imports it; our own wire sends",
}
OURS = {"gateway", "sluice", "streaming_runtime"}
WORDS = """
__future__ abc annotationlib array ast asyncio atexit base64 binascii bisect builtins bz2 calendar codecs
collections compression concurrent configparser contextlib contextvars copy copyreg csv dataclasses datetime decimal
difflib dis email encodings enum errno fcntl fnmatch functools gc genericpath getpass glob grp gzip hashlib heapq
hmac html http importlib inspect io ipaddress itertools json keyword linecache locale logging lzma marshal math
mimetypes ntpath numbers opcode operator os pathlib platform posix posixpath pwd pyexpat queue quopri random re
reprlib select selectors shlex shutil signal site socket ssl stat string stringprep struct subprocess sys tempfile
termios textwrap threading time token tokenize tomllib traceback types typing unicodedata urllib uuid warnings
weakref xml zipfile zipimport zlib
"""
STANDARD = frozenset(WORDS.split())


@dataclass(frozen=True, slots=True)
class Import:
    """One line of -X importtime: what it cost with all below it, and who asked for it first."""

    milliseconds: float
    chain: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.milliseconds:.1f} ms, by {' < '.join(self.chain[:4]) or 'the start itself'}"


@dataclass(frozen=True, slots=True)
class Start:
    """What an environment loaded before its first call, whose code the calls ran, and what each import cost."""

    loaded: frozenset[str]
    late: Mapping[str, list[str]]
    used: frozenset[str]
    statuses: Mapping[str, int]
    imports: Mapping[str, Import]

    def runs(self, name: str) -> bool:
        """Code of the module, or of a module below it, ran in a call."""
        return any(each == name or each.startswith(f"{name}.") for each in self.used)

    def told(self, names: set[str]) -> dict[str, str]:
        return {name: str(self.imports.get(name, "already there")) for name in sorted(names)}


@pytest.fixture(scope="module")
def start() -> Start:
    if defect := defect_of_the_build():
        pytest.fail(defect)
    events = [path for path in sorted((ROOT / "events").glob("*.json")) if is_call(path)]
    in_order = [str(path) for path in sorted(events, key=loads)]
    words = [getattr(sys, "_base_executable", sys.executable), "-S", "-P", "-X", "importtime", str(SCRIPT), *in_order]
    with EmbeddedAws(Template.load(ROOT), {"sluice/openai": {"api_key": KEY}}) as aws, simulated(aws) as urls:
        given = variables(aws) | urls
        done = subprocess.run(words, env=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    statuses, late = ({Path(path).stem: of for path, of in told[name].items()} for name in ("statuses", "late"))
    return Start(frozenset(told["at_start"]), late, frozenset(told["used"]), statuses, imports(done.stderr))


@contextmanager
def simulated(aws: EmbeddedAws) -> Iterator[dict[str, str]]:
    """Both providers of the shipped configuration: the variables that lead to them."""
    access = Access([ROLE], aws.authority, ["us-east-1"])
    providers: dict[str, SimulatedOpenAI | SimulatedBedrock] = {
        "SLUICE_PROVIDER_URL_OPENAI": SimulatedOpenAI([KEY], tokens_per_second=None, random=Random(1)),
        "SLUICE_PROVIDER_URL_BEDROCK": SimulatedBedrock(access, tokens_per_second=None, random=Random(1)),
    }
    with EventLoopThread(_raise) as loop:
        yield {variable: loop.run(provider.start()) for variable, provider in providers.items()}
        for provider in providers.values():
            loop.run(provider.stop())


def _raise(error: BaseException) -> None:
    raise error


def is_call(path: Path) -> bool:
    return path.name != "env.json" and not path.name.startswith(("rollup-", "sweeper-"))


def loads(path: Path) -> bool:
    """Whether a call is to Bedrock, translated, on a path of Cloudflare's, or a dry run."""
    words = r"bedrock|messages|converse|invoke|count|region|prompt|azure|compat|universal|dry-run"
    return re.search(words, path.stem) is not None


def variables(aws: EmbeddedAws) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(HOST / part) for part in ("task", "opt/python", "lang")),
        "SLUICE_TABLE": aws.table,
        "AWS_ENDPOINT_URL_DYNAMODB": aws.dynamodb_url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": aws.secrets_url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": ROLE.access_key_id,
        "AWS_SECRET_ACCESS_KEY": ROLE.secret_access_key,
        "AWS_LAMBDA_FUNCTION_NAME": "gateway",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1",
        "POWERTOOLS_SERVICE_NAME": "sluice",
        "POWERTOOLS_METRICS_NAMESPACE": "Sluice",
    }


def imports(text: str) -> dict[str, Import]:
    """Each module's cost and its importers, the nearest first: a line stands below its children, less indented."""
    found: dict[str, Import] = {}
    above: list[tuple[int, str]] = []
    for line in reversed(text.splitlines()):
        if match := LINE.match(line):
            indent, name = len(match["indent"]), match["name"]
            above = [each for each in above if each[0] < indent]
            found[name] = Import(int(match["all"]) / 1000, tuple(each for _, each in reversed(above)))
            above.append((indent, name))
    return found


def top_imports(source: str) -> Iterator[str]:
    """What a module imports when it is loaded."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_every_event_was_answered(start: Start) -> None:
    assert [name for name, status in start.statuses.items() if status >= 500] == []
    assert sum(status == 200 for status in start.statuses.values()) >= 20


def test_no_call_of_openais_surface_at_openai_loads_anything(start: Start) -> None:
    late = {module for name, found in start.late.items() if not loads(Path(name)) for module in found}

    assert start.told(late) == {}, "the first such call would wait for these: import them at the top"


def test_the_first_call_of_another_kind_loads_our_own_modules_alone(start: Start) -> None:
    late = {module for found in start.late.values() for module in found}

    assert {module for module in late if module.startswith("sluice.")} > LOADED_LATER
    assert start.told({module for module in late if not module.startswith("sluice.")}) == {}


def test_nothing_of_another_dialect_is_loaded_by_its_second_call(start: Start) -> None:
    assert start.late["converse-stream"] == start.late["region-converse"] == []


def test_a_module_of_ours_runs_in_a_call_or_builds(start: Start) -> None:
    own = {name for name in start.loaded if name.startswith("sluice.") and not is_package(name)}
    idle = {name for name in own if not start.runs(name)} - set(BUILDS)

    assert start.told(idle) == {}, (
        "no call runs these: import them where they are used, or say in BUILDS what they build"
    )


def is_package(name: str) -> bool:
    return (FUNCTIONS / name.replace(".", "/")).is_dir()


def test_what_our_code_imports_at_its_top_is_for_a_call_or_for_building(start: Start) -> None:
    loaded = [FUNCTIONS / f"{name.replace('.', '/')}.py" for name in start.loaded if name.startswith("sluice.")]
    asked = {name for path in loaded if path.is_file() for name in top_imports(path.read_text(encoding="utf-8"))}
    others = {name for name in asked if not name.startswith("sluice")}
    idle = {name for name in others if not start.runs(name)} - set(BEFORE_THE_FIRST_CALL)

    assert start.told(idle) == {}, "no call runs these: import them where they are used, or say what they are for"


def test_no_excuse_is_left_over(start: Start) -> None:
    left = sorted(name for name in (*BEFORE_THE_FIRST_CALL, *BUILDS) if start.runs(name))

    assert ", ".join(left) == ""


def test_no_other_distribution_is_loaded(start: Start) -> None:
    tops = {name.partition(".")[0] for name in start.loaded}
    others = tops - sys.stdlib_module_names - OURS - set(DISTRIBUTIONS)

    assert start.told(others) == {}


def test_no_other_part_of_the_standard_library_is_loaded(start: Start) -> None:
    tops = {name.partition(".")[0] for name in start.loaded} & sys.stdlib_module_names
    others = {name for name in tops if not name.startswith("_")} - STANDARD

    assert start.told(others) == {}


def test_what_is_heavy_and_asynchronous_stays_out(start: Start) -> None:
    assert {"anyio", "httpcore", "boto3", "pydantic", "multiprocessing", "unittest"} & start.loaded == set()


def test_an_import_is_told_with_its_cost_and_who_asked_for_it() -> None:
    found = imports(
        "import time:       100 |        100 |     deep\n"
        "import time:       200 |        300 |   middle\n"
        "import time:        50 |         50 |   other\n"
        "import time:       400 |        750 | top\n"
    )

    assert str(found["deep"]) == "0.1 ms, by middle < top"
    assert str(found["other"]) == "0.1 ms, by top"
    assert str(found["top"]) == "0.8 ms, by the start itself"
