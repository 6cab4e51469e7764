"""docs/errors.md has every error, in the shape of every surface, as the code makes it."""

from collections.abc import Iterator

from tests.house.pages import codes, rows, section, tables, text
from tests.house.repository import ROOT

from sluice.domain.errors import GatewayError, UpstreamRefused, UpstreamReported
from sluice.surfaces import anthropic_error, bedrock_error
from sluice.translation import bedrock_errors

ERRORS = ROOT / "docs/errors.md"


def errors(kind: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from errors(narrower)


def test_every_error_is_documented_under_its_type_with_its_status() -> None:
    kinds = {kind.code: kind for kind in errors()}
    types = {kind.type for kind in kinds.values()}
    documented = {code: (type_, row[1]) for type_ in types for code, row in rows(ERRORS, f"`{type_}`").items()}

    assert set(documented) == set(kinds)
    for code, kind in kinds.items():
        status = "the provider's" if kind is UpstreamRefused else str(kind.status)
        said = documented[code][1]
        assert documented[code][0] == kind.type
        assert said == status or (kind is UpstreamReported and said == f"its own, or {status}"), code


def test_what_every_exception_of_bedrock_becomes_is_documented() -> None:
    heading = "What Bedrock's exceptions become"
    names, phrases = rows(ERRORS, heading), tables(section(text(ERRORS), heading))[1]

    said = {name.removesuffix("Exception"): [*codes(row[2]), *codes(row[3])] for name, row in names.items()}
    statuses = {name.removesuffix("Exception"): row[1] for name, row in names.items()}

    for name, meaning in bedrock_errors.MEANINGS.items():
        assert said[name] == [meaning.type, *([meaning.code] if meaning.code else [])], name
        assert statuses[name] == str(meaning.status), name
    assert set(said) == set(bedrock_errors.MEANINGS)
    assert {(row[1], codes(row[2])[0]) for row in phrases} == {
        (str(meaning.status), meaning.code) for meaning in bedrock_errors.PHRASES.values()
    }


def test_an_error_of_another_surface_is_documented_as_it_is() -> None:
    table = tables(section(text(ERRORS), "On the other surfaces"))[0]

    said = {row[0]: [code for cell in row[1:] for code in codes(cell)] for row in table}
    known = {*anthropic_error.TYPES, *bedrock_error.NAMES}

    assert set(said) == {*map(str, known), "other 4xx", "other 5xx"}
    for name, words in said.items():
        status = {"other 4xx": 499, "other 5xx": 599}.get(name) or int(name)
        in_stream = bedrock_error.IN_STREAM.get(status, "internalServerException")
        assert words == [anthropic_error.error_type(status), bedrock_error.error_name(status), in_stream], name
