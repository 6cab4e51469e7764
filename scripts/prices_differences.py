"""Where the two lists differ, which one is believed, and why.

Every difference must be explained here and every explanation must still be needed, or no table is written. Where it
cannot be told which is right, neither is believed and the model is left out: its price is unknown. Numbers that only
one list has are not differences: the first list's are taken, the second's are not.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from prices_row import Key, Row


class List(StrEnum):
    FIRST = "first"
    SECOND = "second"
    NEITHER = "neither"


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
    Explanation(
        r"deepseek/deepseek-(flash|v4-(flash|flash-vision-exp|pro))",
        r"input|output|cache_read",
        List.FIRST,
        "DeepSeek halves its prices outside peak hours; the first list has the dearer one. Rather too much.",
    ),
    Explanation(
        r"deepseek/deepseek-(r1|v3\.2)",
        r".*",
        List.NEITHER,
        "Names of weights, not of what DeepSeek serves: each list has another model's price for them.",
    ),
    Explanation(
        r"groq/openai/gpt-oss-safeguard-20b",
        r"cache_read",
        List.SECOND,
        "Half of the input's rate, as for gpt-oss-20b; the first list rounds it off.",
    ),
    Explanation(
        r"mistral/mistral-large-4(-0)?",
        r"input|output|cache_read",
        List.SECOND,
        "The price of 2026-10-29, with its page; the first list has the one before it.",
    ),
    Explanation(
        r"mistral/magistral-(medium|small)-latest",
        r"input|output",
        List.FIRST,
        "Magistral is retired; the names stand for Medium 3.5 and Small 4, as the first list's source says.",
    ),
    Explanation(
        r"mistral/mistral-embed(-2312)?",
        r"output",
        List.FIRST,
        "An embedding has no output; the second list repeats the price of the input.",
    ),
    Explanation(
        r"mistral/(mistral-large-latest|mistral-medium|open-mistral-nemo)",
        r".*",
        List.NEITHER,
        "The lists take these names for different models, or for one at different times.",
    ),
    Explanation(
        r"together/Qwen/Qwen3\.7-Max",
        r".*",
        List.NEITHER,
        "One list has a price that the other has not, and neither says since when.",
    ),
    Explanation(
        r"xai/grok-code-fast(-1-0825)?",
        r".*",
        List.NEITHER,
        "Retired on 2026-05-15: the first list has the price of what answers now, the second the old one.",
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
    """What the first list has wrong by its own lights, or by its source's."""
    return {key: inclusive(key, row) for key, row in _fine_tuned(rows).items()}


def inclusive(key: Key, row: Row) -> Row:
    """xAI's long prompts begin at the threshold and not above it: https://docs.x.ai/docs/models/grok-4.5."""
    return replace(row, long_above=row.long_above - 1) if key.family == "xai" and row.long_above else row


def _fine_tuned(rows: Mapping[Key, Row]) -> dict[Key, Row]:
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


def believed(first: Row, second: Row, found: list[Difference]) -> Row | None:
    """The row to write, if any: the first list's, unless an explanation says otherwise."""
    lists = {difference.explanation.believed for difference in found if difference.explanation}
    if List.NEITHER in lists:
        return None
    if List.SECOND in lists:
        inputs, outputs = first.max_input_tokens, first.max_output_tokens
        return replace(second, max_input_tokens=inputs, max_output_tokens=outputs)
    return first
