import json
import subprocess
from pathlib import Path

import pytest
from botocore.loaders import Loader

from sluice_cli.recipe import RECIPES, Place

DEPLOYED = Place("https://abc.lambda-url.eu-west-1.on.aws", "eu-west-1")
LOCAL = Place("http://127.0.0.1:8787", "us-east-1", "openai/gpt-5-mini")
DEV_STACK = Place("http://127.0.0.1:8787", "us-east-1", None, Path("/a place/dev.env"))
FROM_ENVIRONMENT = ("SLUICE_URL", "AWS_REGION", "os.environ", "process.env", "import os")


def of(suffix: str) -> list[str]:
    return [name for name, recipe in RECIPES.items() if recipe.file.endswith(suffix)]


@pytest.mark.parametrize("name", [*of(".py"), *of(".mjs")])
@pytest.mark.parametrize("place", [DEPLOYED, LOCAL, DEV_STACK], ids=["deployed", "local", "dev stack"])
def test_a_program_has_its_gateway_written_into_it(name: str, place: Place) -> None:
    recipe = RECIPES[name]

    printed = recipe.at(place)

    assert f'"{place.url}' in printed
    assert f'"{place.model or recipe.model}"' in printed
    assert [word for word in FROM_ENVIRONMENT if word in printed] == []


def test_a_base_url_is_written_with_its_path() -> None:
    assert f'base_url="{LOCAL.url}/v1"' in RECIPES["python"].at(LOCAL)
    assert f'base_url="{LOCAL.url}",' in RECIPES["anthropic"].at(LOCAL)


@pytest.mark.parametrize("name", [name for name in of(".py") if "FunctionUrlAuth()" in RECIPES[name].text])
def test_a_region_is_told_where_the_url_does_not(name: str) -> None:
    assert "FunctionUrlAuth()" in RECIPES[name].at(DEPLOYED)
    assert 'FunctionUrlAuth(region="us-east-1")' in RECIPES[name].at(LOCAL)


@pytest.mark.parametrize("name", ["boto3", "langchain-aws"])
def test_a_boto3_client_is_told_the_region_always(name: str) -> None:
    assert 'region_name="eu-west-1"' in RECIPES[name].at(DEPLOYED)
    assert 'region_name="us-east-1"' in RECIPES[name].at(LOCAL)


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


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.model])
def test_another_model_is_asked_for_by_its_name(name: str) -> None:
    recipe = RECIPES[name]

    printed = recipe.at(LOCAL)

    assert json.dumps(LOCAL.model) in printed
    assert json.dumps(recipe.model) in recipe.text
    assert json.dumps(recipe.model) not in printed


def test_a_program_that_names_no_model_takes_none() -> None:
    assert RECIPES["boto3-env"].at(LOCAL).endswith(RECIPES["boto3-env"].text)


def test_the_folder_for_boto3_is_that_of_the_version_that_botocore_has() -> None:
    newest = Loader().determine_latest_version("bedrock-runtime", "service-2")

    assert f"/bedrock-runtime/{newest}/service-2.sdk-extras.json" in RECIPES["boto3-env"].text
