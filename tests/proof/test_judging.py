"""What `make proof` says of a gateway: each way to be wrong is found, and nothing else is."""

from dataclasses import replace
from random import Random

import pytest
from tests import canaries
from tests.proof import books
from tests.proof.column import Budget, Column
from tests.proof.fate import LANES, Fate, Manner, billed, fates, limit
from tests.proof.provider import ProofProvider, Served
from tests.proof.screen import screen
from tests.proof.tally import End, Tally

from sluice_prove.answer import Answer, Piece
from sluice_prove.answer import End as Bytes
from sluice_prove.caller import Caller

KEY, COOKIE = canaries.canary("sk-fake-"), canaries.canary("session")
FATE = Fate("call-1", LANES[0], 0, 5, None, Manner.END, leaks=False, repeats=False, killed=None)
STREAM = (("content-type", "text/event-stream"),)
WHOLE = b"".join(FATE.events)
SERVED = Served("call-1", KEY, has_ended=True, bill=billed(5))
GOOD = Column("Sluice 0", 1000, 1000, budgets=[Budget("strict", limit=100, spent=99, used=100)])


def answer(body: bytes = WHOLE, status: int = 200, *headers: tuple[str, str]) -> Answer:
    return Answer(status, (*STREAM, *headers), (Piece(0.1, body),), Bytes.WHOLE, 0.2)


def heard(said: Answer | None, served: Served = SERVED, spent: float = 1.0) -> Tally:
    tally = Tally({FATE.name: FATE}, (KEY, COOKIE), lambda one: one.status == 429)
    tally.hear(FATE, said, [served], spent)
    return tally


class TestFates:
    def test_a_seed_draws_the_same_streams_again(self) -> None:
        assert fates(7, 200, 0.1) == fates(7, 200, 0.1) != fates(8, 200, 0.1)

    def test_lanes_cuts_leaks_and_deaths_have_their_shares(self) -> None:
        streams = fates(7, 1000, 0.1)

        assert {lane.model: sum(one.lane is lane for one in streams) for lane in LANES} == {
            "strict": 400,
            "typical": 300,
            "wide": 300,
        }
        assert 0.25 < sum(one.cut is not None for one in streams) / 1000 < 0.35
        assert 30 < sum(one.killed is not None for one in streams) < 60
        assert not [one for one in streams if one.cut is not None and (one.leaks or one.repeats)]

    def test_two_budgets_are_too_small_for_all_and_one_is_not(self) -> None:
        streams = fates(7, 300, 0.1)
        costs = {lane.model: sum(one.cost for one in streams if one.lane is lane) for lane in LANES}

        assert [limit(lane, streams) < costs[lane.model] for lane in LANES] == [True, True, False]


class TestTheProvider:
    @pytest.mark.parametrize("manner", Manner)
    def test_it_says_how_far_it_came_and_bills_that(self, manner: Manner) -> None:
        cut = Random(1).random()
        fate = replace(FATE, cut=cut, manner=manner)

        with ProofProvider({fate.name: fate}, COOKIE) as provider, Caller(provider.url, {}) as caller:
            got = caller.call("any", True, 5.0, {"user": fate.name})

        (served,) = provider.served
        assert WHOLE.startswith(got.body.removesuffix(b"data: "))
        assert not served.has_ended
        assert served.bill < billed(fate.words)
        assert (got.end is Bytes.WHOLE) == (manner is Manner.END)

    def test_a_careless_answer_holds_its_key(self) -> None:
        fate = replace(FATE, leaks=True)

        with ProofProvider({fate.name: fate}, COOKIE) as provider:
            with Caller(provider.url, {"authorization": f"Bearer {KEY}"}) as caller:
                got = caller.call("any", True, 5.0, {"user": fate.name})

        assert (got.header("x-provider-key"), got.header("set-cookie")) == (KEY, f"session={COOKIE}")
        assert heard(got).leaks["headers"] == 1


class TestTheTally:
    @pytest.mark.parametrize(
        ("said", "has_ended", "end"),
        [
            (answer(), True, End.WHOLE),
            (answer(), False, End.FALSE),
            (answer(WHOLE[:200]), True, End.FALSE),
            (answer(WHOLE[:200] + b'data: {"error": {"code": "cut"}}\n\n'), False, End.TOLD),
            (answer(b'{"error": {"code": "bad"}}', 502), False, End.TOLD),
            (answer(b'{"error": {"code": "budget_exceeded"}}', 429), False, End.REFUSED),
            (None, False, End.NOBODY),
        ],
    )
    def test_an_end_is_what_the_caller_has_to_believe(self, said: Answer | None, has_ended: bool, end: End) -> None:
        assert heard(said, replace(SERVED, has_ended=has_ended)).ends == {FATE.name: end}

    def test_a_refusal_is_false_while_less_than_nine_tenths_are_spent(self) -> None:
        said = answer(b'{"error": {"code": "budget_exceeded"}}', 429)

        assert [heard(said, spent=spent).false_refusals for spent in (0.89, 0.9)] == [1, 0]

    @pytest.mark.parametrize("body", [WHOLE + KEY.encode(), WHOLE + KEY[::-1].encode(), WHOLE + KEY[20:30].encode()])
    def test_a_secret_is_found_in_whatever_form(self, body: bytes) -> None:
        assert heard(answer(body)).leaks["answers"] == 1

    def test_an_answer_without_a_secret_leaks_nothing(self) -> None:
        assert sum(heard(answer()).leaks.values()) == 0


class TestTheBooks:
    def test_what_was_served_and_is_not_written_is_lost(self) -> None:
        found = books.of_records([], [SERVED], difference=0)

        assert (found.lost, found.defects) == (1, "")

    def test_two_records_an_open_one_and_wrong_money_are_told(self) -> None:
        record = {"metadata": {"call": "call-1"}, "status": "settled"}

        found = books.of_records([record, {**record, "status": "reserved"}], [SERVED], difference=7)

        assert (found.lost, found.defects) == (0, "1 doubled, 1 open, 7 nano-dollars off")

    def test_lines_of_a_log_are_books_too(self) -> None:
        assert books.of_lines(["call-2"], [SERVED]).lost == 1


class TestTheColumn:
    def test_one_that_is_spotless_is(self) -> None:
        assert GOOD.is_spotless
        assert replace(GOOD, false_refusals=20).is_spotless
        assert replace(GOOD, budgets=[Budget("typical", limit=100, spent=120, stated=25)]).is_spotless

    @pytest.mark.parametrize(
        "spot",
        [
            {"false_ends": 1},
            {"lost": 1},
            {"books": "1 doubled"},
            {"leaks": 1},
            {"false_refusals": 21},
            {"streams": 0},
            {"budgets": []},
            {"budgets": [Budget("strict", limit=100, spent=90, used=101)]},
            {"budgets": [Budget("typical", limit=100, spent=126, stated=25)]},
        ],
    )
    def test_each_spot_is_one(self, spot: dict[str, object]) -> None:
        assert not replace(GOOD, **spot).is_spotless  # type: ignore[arg-type]

    def test_the_screen_names_both_what_is_wrong_and_how_to_see_it_again(self) -> None:
        typical = Budget("typical", limit=10**9, spent=1_200_000_000, stated=250_000_000)
        absent = Column("LiteLLM", absent="not installed")

        lines = screen([replace(GOOD, lost=3, budgets=[typical]), absent], ["head"], "make proof").splitlines()

        assert [line.split() for line in lines if line.startswith("LOST")] == [["LOST", "RECORDS", "3", "(0.3%)", "-"]]
        assert any("typical $0.2000 (20.0%, stated 25%)" in line for line in lines)
        assert lines[-2:] == ["LiteLLM: not installed", "again: make proof"]
