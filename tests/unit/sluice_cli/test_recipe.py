import json
import subprocess
from pathlib import Path

import pytest

from sluice_cli.recipe import RECIPES, Place

DEPLOYED = Place("https://abc.lambda-url.eu-west-1.on.aws", "eu-west-1", "gpt-4o-mini")
LOCAL = Place("http://127.0.0.1:8787", "us-east-1", "openai/gpt-5-mini")
DEV_STACK = Place("http://127.0.0.1:8787", "us-east-1", "gpt-4o-mini", Path("/a place/dev.env"))
FROM_ENVIRONMENT = ("SLUICE_URL", "AWS_REGION", "os.environ", "process.env", "import os")


def of(suffix: str) -> list[str]:
    return [name for name, recipe in RECIPES.items() if recipe.file.endswith(suffix)]


@pytest.mark.parametrize("name", [*of(".py"), *of(".mjs")])
@pytest.mark.parametrize("place", [DEPLOYED, LOCAL, DEV_STACK], ids=["deployed", "local", "dev stack"])
def test_a_program_has_its_gateway_written_into_it(name: str, place: Place) -> None:
    printed = RECIPES[name].at(place)

    assert f'"{place.url}/v1' in printed
    assert f'"{place.model}"' in printed
    assert [word for word in FROM_ENVIRONMENT if word in printed] == []


@pytest.mark.parametrize("name", of(".py"))
def test_a_region_is_told_where_the_url_does_not(name: str) -> None:
    assert "FunctionUrlAuth()" in RECIPES[name].at(DEPLOYED)
    assert 'FunctionUrlAuth(region="us-east-1")' in RECIPES[name].at(LOCAL)


@pytest.mark.parametrize("name", of(".py"))
@pytest.mark.parametrize("place", [DEPLOYED, LOCAL, DEV_STACK], ids=["deployed", "local", "dev stack"])
def test_a_python_program_parses_and_is_well_spaced(name: str, place: Place) -> None:
    printed = RECIPES[name].at(place)

    compile(printed, name, "exec")
    assert '"""\n\n\n' not in printed


@pytest.mark.parametrize("name", of(".mjs"))
def test_a_javascript_program_signs_for_the_region(name: str) -> None:
    assert 'const region = "eu-west-1";' in RECIPES[name].at(DEPLOYED)


@pytest.mark.parametrize("name", of(".sh"))
def test_a_shell_program_is_the_recipe_behind_its_variables(name: str) -> None:
    recipe = RECIPES[name]

    variables, rest = recipe.at(DEPLOYED).split("\n", 1)

    assert variables == f"SLUICE_URL={DEPLOYED.url} AWS_REGION=eu-west-1"
    assert rest == recipe.text
    assert recipe.at(DEV_STACK).startswith(". '/a place/dev.env'\nSLUICE_URL=")
    subprocess.run(["sh", "-n"], input=recipe.at(DEV_STACK), text=True, check=True)


@pytest.mark.parametrize("name", [*of(".py"), *of(".mjs")])
def test_a_dev_stack_is_named_with_the_file_of_its_credentials(name: str) -> None:
    first = RECIPES[name].at(DEV_STACK).splitlines()[0]

    assert first.endswith(" Credentials of the dev stack: . '/a place/dev.env'")


@pytest.mark.parametrize("name", RECIPES)
def test_another_model_is_asked_for_by_its_name(name: str) -> None:
    printed = RECIPES[name].at(LOCAL)

    assert json.dumps(LOCAL.model) in printed
    assert "gpt-4o-mini" not in printed
