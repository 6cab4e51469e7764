"""Sums of times to the first chunk as rows of the table."""

import pytest
from tests.unit.stores.calls import HandClock
from tests.unit.stores.health_table import HealthTable, rows

from sluice.stores.paces import BUCKET_SECONDS, KEPT_SECONDS, Paces, Sum, bucket

TARGET = "bedrock/us.anthropic.claude-sonnet-5"


class Site:
    def __init__(self) -> None:
        self.hand = HandClock()
        self.table = HealthTable()
        self.paces = Paces(rows(self.table, self.hand.clock))
        self.bucket = bucket(self.hand.seconds)


@pytest.fixture
def site() -> Site:
    return Site()


def test_environments_add_to_one_row(site: Site) -> None:
    other = Paces(rows(site.table, site.hand.clock, "other"))

    site.paces.add((TARGET, site.bucket), Sum(300, 2))
    other.add((TARGET, site.bucket), Sum(100, 1))

    assert site.paces.read([(TARGET, site.bucket)]) == {(TARGET, site.bucket): Sum(400, 3)}
    assert site.table.items == {
        (f"Y#{TARGET}", str(site.bucket)): {
            "pk": {"S": f"Y#{TARGET}"},
            "sk": {"S": str(site.bucket)},
            "s": {"N": "400"},
            "n": {"N": "3"},
            "exp": {"N": str((site.bucket + 1) * BUCKET_SECONDS + KEPT_SECONDS)},
        }
    }


def test_what_is_not_there_is_left_out(site: Site) -> None:
    site.paces.add((TARGET, site.bucket), Sum(300, 2))

    found = site.paces.read([(TARGET, site.bucket - 1), ("openai/m", site.bucket)])

    assert found == {}


@pytest.mark.parametrize("name", ["s", "n"])
@pytest.mark.parametrize(
    "value", [None, {"S": "9"}, {"BOOL": True}, {"N": "-1"}, {"N": "1.5"}, {"N": "1" + "0" * 20}, {"L": []}], ids=str
)
def test_a_row_that_is_not_sound_is_left_out(site: Site, name: str, value: dict[str, object] | None) -> None:
    site.paces.add((TARGET, site.bucket), Sum(300, 2))
    item = site.table.items[(f"Y#{TARGET}", str(site.bucket))]
    item.pop(name)
    if value is not None:
        item[name] = value

    assert site.paces.read([(TARGET, site.bucket)]) == {}


def test_a_bucket_is_half_a_minute(site: Site) -> None:
    start = site.bucket * BUCKET_SECONDS

    assert {bucket(start + second) for second in range(30)} == {site.bucket}
    assert bucket(start + 30) == site.bucket + 1
