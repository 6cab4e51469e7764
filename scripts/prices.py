"""Write functions/sluice/data/prices.json from a maintained price list, after checking it against a second one.

    python scripts/prices.py           write the table and print what the lists disagree about
    python scripts/prices.py --check   only say whether the table is what these lists give (exit 1 if not)

For development, never at run time: both wheels are downloaded by pip into build/prices, checked against the hashes
below and unpacked; the second needs pydantic and httpx2 beside it. To renew the prices: raise both versions, set both
hashes and the day, run, read what it prints, explain what is new in prices_differences.py.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from prices_differences import EXPLANATIONS, Difference, believed, corrected, differences, regional
from prices_genai import GenaiPrices
from prices_litellm import rows
from prices_row import STANDARD, Key, Row

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "functions/sluice/data/prices.json"
BUILD = ROOT / "build/prices"
DAY = date(2026, 11, 20)  # on which the versions below were the newest
# litellm has compiled code: one platform's wheel is asked for by name, so that its hash holds everywhere.
PLATFORM = "--platform manylinux_2_28_x86_64 --python-version 3.11 --implementation cp --abi abi3"


@dataclass(frozen=True, slots=True)
class Source:
    """A wheel that holds a price list."""

    name: str
    version: str
    sha256: str
    options: str = ""

    @property
    def folder(self) -> Path:
        return BUILD / f"{self.name}-{self.version}"


FIRST = Source("litellm", "1.109.1", "1c8b4dd671fa0cd0850aa751678704ff77e595fb1e6085b2dc3be39ee19bdaaf", PLATFORM)
FIRST_FILE = "litellm/model_prices_and_context_window_backup.json"
SECOND = Source("genai-prices", "0.2.3", "56976ce2b04ec206117f7d0e53f4849211a6724ab3a12119afec304eba63ee25")
Records = dict[str, dict[str, object] | str]


def main() -> int:
    options = _options()
    first = corrected(regional(rows((unpacked(FIRST) / FIRST_FILE).read_text("utf-8"), DAY)))
    second = GenaiPrices(unpacked(SECOND), DAY)
    check = Check(first, {key: row for key in first if (row := second.row(key))})
    print("\n".join(check.report()))
    if problems := list(check.problems()):
        print("\n".join(problems), file=sys.stderr)
        return 1
    text = table(check.believed())
    if options.check:
        return 0 if TABLE.read_text("utf-8") == text else 1
    TABLE.write_text(text, "utf-8")
    print(f"{TABLE.relative_to(ROOT)}: {len(text.encode())} bytes, version {json.loads(text)['version']}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the table differs")
    return parser.parse_args()


def unpacked(source: Source) -> Path:
    """The folder of the wheel's files, downloaded if it is not there yet. pip refuses another hash."""
    if not source.folder.exists():
        downloads = BUILD / "wheels" / source.name
        downloads.mkdir(parents=True, exist_ok=True)
        pinned = downloads / "pinned.txt"
        pinned.write_text(f"{source.name}=={source.version} --hash=sha256:{source.sha256}\n", "utf-8")
        options = ("--no-deps", "--only-binary=:all:", "--require-hashes", *source.options.split())
        subprocess.run([*_pip(), "download", *options, "--dest", downloads, "--requirement", pinned], check=True)
        with zipfile.ZipFile(next(downloads.glob("*.whl"))) as wheel:
            wheel.extractall(source.folder)
    return source.folder


def _pip() -> list[str]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


class Check:
    """Both lists side by side, over the models of the first."""

    def __init__(self, first: Mapping[Key, Row], second: Mapping[Key, Row]) -> None:
        self.first = first
        self.second = second
        self.found = {key: list(differences(key, first[key], row)) for key, row in second.items()}

    def problems(self) -> Iterator[str]:
        """What keeps a table from being written."""
        yield from (str(one) for one in self._differences() if one.explanation is None)
        needed = {one.explanation for one in self._differences()}
        yield from (f"no longer needed: {one.models} {one.cells}" for one in EXPLANATIONS if one not in needed)
        for key, row in self.first.items():
            yield from (f"{key}: {fault}" for fault in row.faults())

    def believed(self) -> dict[Key, Row]:
        rows = {
            key: believed(row, self.second[key], self.found[key]) if key in self.second else row
            for key, row in self.first.items()
        }
        return {key: row for key, row in rows.items() if row is not None}

    def report(self) -> Iterator[str]:
        yield from (str(one) for one in self._differences())
        for explanation in EXPLANATIONS:
            yield f"{explanation.models} {explanation.cells}: {explanation.believed} list. {explanation.why}"
        differing = Counter(key.family for key, found in self.found.items() if found)
        known = Counter(key.family for key in self.second)
        for family, count in sorted(Counter(key.family for key in self.first).items()):
            yield f"{family}: {count} models, {known[family]} in both lists, {differing[family]} of them differ"

    def _differences(self) -> Iterator[Difference]:
        for key in sorted(self.found):
            yield from sorted(self.found[key], key=lambda one: one.cell)


def table(rows: Mapping[Key, Row]) -> str:
    """The file: one model per line, sorted, its version made of the day and of the prices themselves."""
    families = sorted({key.family for key in rows})
    prices = {family: records({key.model: rows[key] for key in rows if key.family == family}) for family in families}
    content = json.dumps(prices, separators=(",", ":"), sort_keys=True)
    head = {
        "version": f"{DAY}-{hashlib.sha256(content.encode()).hexdigest()[:8]}",
        "date": str(DAY),
        "unit": "pico-dollars per token: input, cache_read, cache_write_5m, cache_write_1h, output",
        "sources": [{"name": one.name, "version": one.version, "sha256": one.sha256} for one in (FIRST, SECOND)],
    }
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    body = ",\n".join(f"{json.dumps(family)}: {{\n{_lines(models)}\n}}" for family, models in prices.items())
    return "{\n" + ",\n".join(lines) + f',\n"prices": {{\n{body}\n}}\n}}\n'


def records(rows: Mapping[str, Row]) -> Records:
    """What each model costs, or the name of the model with the shortest name that costs the same."""
    same: dict[str, str] = {}
    for model in sorted(rows, key=lambda name: (len(name), name)):
        same.setdefault(json.dumps(record(rows[model])), model)
    return {
        model: found if (found := same[json.dumps(record(rows[model]))]) != model else record(rows[model])
        for model in sorted(rows)
    }


def record(row: Row) -> dict[str, object]:
    """What functions/sluice/pricing.py reads; what a model has not is left out."""
    whole = {
        "rates": row.tiers[STANDARD],
        "tiers": {tier: rates for tier, rates in row.tiers.items() if tier != STANDARD},
        "long_above": row.long_above,
        "long_tiers": row.long_tiers,
        "max_input_tokens": row.max_input_tokens,
        "max_output_tokens": row.max_output_tokens,
    }
    return {name: value for name, value in whole.items() if value}


def _lines(models: Records) -> str:
    return ",\n".join(f"{json.dumps(model)}:{json.dumps(one, separators=(',', ':'))}" for model, one in models.items())


if __name__ == "__main__":
    sys.exit(main())
