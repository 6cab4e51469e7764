"""Programs that call the gateway, one per client: files of sluice_cli/recipes that run as they are.

They take the gateway's URL and region from SLUICE_URL and AWS_REGION, and credentials from where each client looks for
them. docs/clients.md shows the same text, and tests run it from there.
"""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sluice_cli.gateway import DEFAULT_MODEL
from sluice_client.function_url import url_region

FOLDER = Path(__file__).parent / "recipes"
ENVIRONMENT_URL = re.compile(r'(?:os\.environ\["SLUICE_URL"\]|process\.env\.SLUICE_URL)(?: \+ "([^"]*)")?')
BEDROCK_MODEL = "amazon.nova-micro-v1:0"
CLAUDE_HAIKU = "claude-haiku-4-5"
CLAUDE_SONNET = "claude-sonnet-4-5"


@dataclass(frozen=True, slots=True)
class Place:
    """The gateway a program is to call, and the model, where it is not the program's own. `env_file` has the
    credentials where a dev stack made them."""

    url: str
    region: str
    model: str | None = None
    env_file: Path | None = None

    @property
    def is_region_in_url(self) -> bool:
        return url_region(urlsplit(self.url).hostname or "") is not None


@dataclass(frozen=True, slots=True)
class Recipe:
    """`client` is what the program uses, `file` its name in the folder, `command` what runs it from a pipe, `model` the
    one it names; None where the caller's own program names one."""

    client: str
    file: str
    command: str
    model: str | None = DEFAULT_MODEL

    @property
    def text(self) -> str:
        return (FOLDER / self.file).read_text(encoding="utf-8")

    def at(self, place: Place) -> str:
        """The program with that gateway in it, so that it needs credentials and nothing else."""
        written = FORMS[Path(self.file).suffix](self.text, place)
        if self.model is None or place.model is None:
            return written
        return written.replace(json.dumps(self.model), json.dumps(place.model))


def _python(text: str, place: Place) -> str:
    auth = "FunctionUrlAuth()" if place.is_region_in_url else f"FunctionUrlAuth(region={json.dumps(place.region)})"
    without_os = _with_url(text, place).replace("import os\n", "", 1).replace('"""\n\n\n', '"""\n\n', 1)
    with_region = without_os.replace('os.environ["AWS_REGION"]', json.dumps(place.region))
    return _note("#", place) + with_region.replace("FunctionUrlAuth()", auth)


def _javascript(text: str, place: Place) -> str:
    return _note("//", place) + _with_url(text, place).replace("process.env.AWS_REGION", json.dumps(place.region))


def _shell(text: str, place: Place) -> str:
    """The program itself, behind what it needs; `.` reads the env file, which has credentials and the rest."""
    variables = f"SLUICE_URL={shlex.quote(place.url)} AWS_REGION={shlex.quote(place.region)}"
    credentials = f". {shlex.quote(str(place.env_file))}\n" if place.env_file else ""
    return f"{credentials}{variables}\n{text}"


def _with_url(text: str, place: Place) -> str:
    return ENVIRONMENT_URL.sub(lambda found: json.dumps(place.url + (found[1] or "")), text)


def _note(mark: str, place: Place) -> str:
    return f"{mark} Credentials of the dev stack: . {shlex.quote(str(place.env_file))}\n" if place.env_file else ""


FORMS: dict[str, Callable[[str, Place], str]] = {".py": _python, ".mjs": _javascript, ".sh": _shell}

RECIPES = {
    "python": Recipe("the OpenAI SDK for Python", "python.py", "python -"),
    "python-async": Recipe("the OpenAI SDK for Python, asynchronous", "python_async.py", "python -"),
    "httpx": Recipe("httpx or httpx2 without an SDK", "httpx.py", "python -"),
    "langchain": Recipe("LangChain for Python, ChatOpenAI", "langchain.py", "python -"),
    "anthropic": Recipe("the Anthropic SDK for Python", "anthropic.py", "python -", CLAUDE_HAIKU),
    "boto3": Recipe("boto3, Bedrock's Converse", "boto3.py", "python -", BEDROCK_MODEL),
    "boto3-env": Recipe("boto3 programs as they are, by their environment", "boto3_env.sh", "sh", None),
    "langchain-aws": Recipe("LangChain for Python, ChatBedrockConverse", "langchain_aws.py", "python -", BEDROCK_MODEL),
    "node": Recipe("the OpenAI SDK for JavaScript, on Node.js", "node.mjs", "node --input-type=module -"),
    "vercel": Recipe("the Vercel AI SDK, on Node.js", "vercel.mjs", "node --input-type=module -"),
    "aws-sdk-js": Recipe(
        "the AWS SDK for JavaScript, Bedrock's Converse", "aws_sdk.mjs", "node --input-type=module -", BEDROCK_MODEL
    ),
    "claude-code": Recipe("Claude Code, by its environment", "claude_code.sh", "sh", CLAUDE_SONNET),
    "curl": Recipe("curl", "curl.sh", "sh"),
    "awscurl": Recipe("awscurl, which does not stream", "awscurl.sh", "sh"),
}
