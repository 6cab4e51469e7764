"""Where the two lists differ, which one is believed, and why.

Every difference must be explained here and every explanation must still be needed, or no table is written. Numbers
that only one list has are not differences: the first list's are taken, the second's are not.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from prices_row import Key, Row


class List(StrEnum):
    FIRST = "first"
    SECOND = "second"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Models and numbers (as patterns of the whole name) on which the lists differ."""

    models: str
    cells: str
    believed: List
    why: str

    def covers(self, key: Key, cell: str) -> bool:
        return bool(re.fullmatch(self.models, str(key)) and re.fullmatch(self.cells, cell))


@dataclass(frozen=True, slots=True)
class Difference:
    key: Key
    cell: str
    first: int | None
    second: int | None
    explanation: Explanation | None

    def __str__(self) -> str:
        verdict = f"{self.explanation.believed} list believed" if self.explanation else "UNEXPLAINED"
        return f"{self.key} {self.cell}: {self.first} or {self.second} ({verdict})"


EXPLANATIONS = (
    Explanation(
        r"anthropic/claude-sonnet-4-5.*",
        r"long_above",
        List.SECOND,
        "Prompts above 200,000 tokens had a premium in the 1M beta; the first list dropped it. Rather too much.",
    ),
    Explanation(
        r"bedrock/.*anthropic\.claude-sonnet-4-(5-)?20.*",
        r"long_above",
        List.FIRST,
        "The same premium on Bedrock, which the second list has not.",
    ),
    Explanation(
        r"openai/gpt-5\.6-cyber",
        r"long_above",
        List.FIRST,
        "Every GPT-5.6 model charges more above 272,000 tokens of prompt; the second list has one rate.",
    ),
    Explanation(
        r"bedrock/us-gov\..*",
        r".*",
        List.FIRST,
        "GovCloud costs 20 % more; the second list takes these ids for those of commercial regions.",
    ),
    Explanation(
        r"bedrock/(apac|eu|jp)\.amazon\.nova.*",
        r".*",
        List.FIRST,
        "Nova has prices per region; the second list finds the American one by a part of the id.",
    ),
    Explanation(
        r"bedrock/eu\.meta\.llama3-2.*",
        r".*",
        List.FIRST,
        "As for Nova: the second list finds the American price by a part of the id.",
    ),
    Explanation(
        r"azure/(ada|text-embedding-.*|gpt-4-turbo(-2024-04-09)?|gpt-3\.5-turbo-instruct-0914)",
        r".*",
        List.FIRST,
        "Azure's price of a deployment in a region, 10 % above the global one, which the second list says it lists.",
    ),
    Explanation(
        r"azure/gpt-5\.4(-2026-03-05)?",
        r"flex\.cache_read",
        List.FIRST,
        "Azure publishes no flex rate for cached tokens, so they keep the standard one; the second list has OpenAI's.",
    ),
)


def regional(rows: Mapping[Key, Row]) -> dict[Key, Row]:
    """The first list gives a bare Bedrock id its global price; in-region inference costs what the `us.` profile does.

    https://platform.claude.com/docs/en/build-with-claude/claude-in-amazon-bedrock#regions (10 % above global); the
    second list agrees.
    """
    return {key: _regional(key, row, rows) for key, row in rows.items()}


def _regional(key: Key, row: Row, rows: Mapping[Key, Row]) -> Row:
    same = rows.get(Key(key.family, f"global.{key.model}"))
    return rows.get(Key(key.family, f"us.{key.model}"), row) if same == row else row


def corrected(rows: Mapping[Key, Row]) -> dict[Key, Row]:
    """One fine-tuned model has its cache read's rate under cache writes; its sister's row shows which it is."""
    key, sister = Key("openai", "ft:gpt-4o-2024-11-20"), Key("openai", "ft:gpt-4o-2024-08-06")
    rates, right = rows[key].tiers[""], rows[sister].tiers[""]
    if (rates[1], rates[2]) != (None, right[1]):
        raise ValueError(f"{key} is no longer as it was when this correction was written: {rates}")
    return {**rows, key: replace(rows[key], tiers={"": (rates[0], rates[2], None, *rates[3:])})}


def differences(key: Key, first: Row, second: Row) -> Iterator[Difference]:
    mine, theirs = first.cells(), second.cells()
    for cell in mine.keys() & theirs.keys():
        one, other = mine[cell], theirs[cell]
        if one != other and (cell == "long_above" or None not in (one, other)):
            explanation = next((found for found in EXPLANATIONS if found.covers(key, cell)), None)
            yield Difference(key, cell, one, other, explanation)


def believed(first: Row, second: Row, found: list[Difference]) -> Row:
    """The row to write: the first list's, unless an explanation believes the second."""
    if any(difference.explanation and difference.explanation.believed is List.SECOND for difference in found):
        return replace(second, max_output_tokens=first.max_output_tokens)
    return first
