"""What the developer sees: one line per call, and the totals at the end.

The line's shape is facts/ecosystem.md, section 7. What it says of models, tokens and cost comes from the function's own
log line (`sluice.call`), which arrives beside the response: a call is printed when both are there, or soon after its
end.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TextIO

from sluice_devstack.call import Call, Refusal

CALL_MESSAGE = "sluice.call"
UNSETTLED_MESSAGE = "sluice.unsettled"
LOG_OF_INTEREST = re.compile(r"sluice\.|\b(?:secret|ledger)\.")
TROUBLE = re.compile(r"sluice\.unexpected\b.*|\b(?:secret|ledger)\.[a-z_]+: .*")  # where one begins; to the line's end
TROUBLE_FIELDS = ("error", "where")
PATIENCE_SECONDS = 0.5
MAX_EARLY_LOGS = 256
SHORT_ID = 8  # characters of a request id: `sluice logs` finds the call by them
COLOURS = {"2": "32", "3": "36", "4": "33", "5": "31"}  # ANSI, by the first digit of the status
NANO = 1_000_000_000
GOOD = ("complete", "dry_run")

Log = Mapping[str, Any]
Later = Callable[[float, Callable[[], None]], object]


def colour_wanted(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """https://no-color.org: colour on a terminal, unless NO_COLOR is set to anything but the empty string."""
    return stream.isatty() and not environ.get("NO_COLOR")


@dataclass(slots=True)
class Row:
    """The sums of one model; `unknown` counts the calls whose cost is not known."""

    calls: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    nano_dollars: int = 0
    unknown: int = 0

    def add(self, call: Call, log: Log) -> None:
        cost = log.get("cost_nano_dollars")
        self.calls += 1
        self.failed += not _is_good(call, log)
        self.input_tokens += log.get("gen_ai.usage.input_tokens") or 0
        self.output_tokens += log.get("gen_ai.usage.output_tokens") or 0
        self.nano_dollars += cost or 0
        self.unknown += cost is None and "cost_nano_dollars" in log


@dataclass(slots=True)
class Totals:
    """Everything that was printed, summed by model."""

    rows: dict[str, Row] = field(default_factory=dict)
    refused: int = 0

    def add(self, call: Call, log: Log) -> None:
        self.rows.setdefault(_model(log) or "-", Row()).add(call, log)

    def table(self) -> str:
        """A table with a last line that sums it; one sentence when nothing was called."""
        if not self.rows and not self.refused:
            return "no calls"
        cells: list[tuple[str, ...]] = [("model", "calls", "failed", "tokens in", "tokens out", "cost")]
        cells += [_cells(name, row) for name, row in sorted(self.rows.items())]
        if len(self.rows) > 1:
            cells.append(_cells("total", _sum(list(self.rows.values()))))
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(_aligned, row, widths, range(len(row)))) for row in cells]
        return "\n".join(lines + ([f"refused before the function: {self.refused}"] if self.refused else []))


class CallLines:
    """Prints through `echo`. `later(seconds, callback)` is the event loop's timer."""

    def __init__(self, echo: Callable[[str], None], later: Later, has_colour: bool = False) -> None:
        self._echo = echo
        self._later = later
        self._has_colour = has_colour
        self._calls: dict[str, Call] = {}
        self._logs: dict[str, Log] = {}
        self.totals = Totals()

    def finished(self, call: Call) -> None:
        self._calls[call.request_id] = call
        if call.request_id in self._logs:
            self._print(call.request_id)
        else:
            self._later(PATIENCE_SECONDS, lambda: self._print(call.request_id))

    def refused(self, refusal: Refusal) -> None:
        self.totals.refused += 1
        parts = [_time(refusal.at), self._status(refusal.status), f"{refusal.method} {refusal.path}", refusal.reason]
        self._echo("  ".join(parts))

    def log_line(self, line: str) -> None:
        """Any line of an environment's output; all but records of calls and troubles are passed over."""
        if not LOG_OF_INTEREST.search(line):
            return
        log = _parsed(line)
        request_id, message = str(log.get("request_id", "")), log.get("message")
        if message == UNSETTLED_MESSAGE:
            self._echo(f"not settled, left to the sweeper: {request_id}")
        elif message == CALL_MESSAGE:
            self._take(request_id, log)
        elif trouble := _trouble(line, log):
            self._echo(f"gateway's log: {trouble}")

    def _take(self, request_id: str, log: Log) -> None:
        self._logs[request_id] = log
        if request_id in self._calls:
            self._print(request_id)
        while len(self._logs) > MAX_EARLY_LOGS:
            del self._logs[next(iter(self._logs))]

    def flush(self) -> None:
        for request_id in list(self._calls):
            self._print(request_id)

    def _print(self, request_id: str) -> None:
        call = self._calls.pop(request_id, None)
        if call is None:
            return
        log = self._logs.pop(request_id, {})
        self.totals.add(call, log)
        head = [_time(call.started_at), self._status(call.status), f"{call.method} {call.path}"]
        self._echo("  ".join([*head, *_details(call, log)]))

    def _status(self, status: int) -> str:
        return f"\x1b[{COLOURS.get(str(status)[0], '0')}m{status}\x1b[0m" if self._has_colour else str(status)


def _details(call: Call, log: Log) -> list[str]:
    ttft = log.get("ttft_ms")
    parts = [_model(log), f"ttft {ttft:.0f}ms" if ttft is not None else "", f"{call.duration_seconds:.2f}s"]
    if "gen_ai.usage.input_tokens" in log:
        parts.append(f"{log['gen_ai.usage.input_tokens'] or 0}+{log.get('gen_ai.usage.output_tokens') or 0} tok")
    if "cost_nano_dollars" in log:
        parts.append(dollars(log["cost_nano_dollars"]))
    return [part for part in [*parts, call.request_id[:SHORT_ID], *_troubles(call, log)] if part]


def _troubles(call: Call, log: Log) -> list[str]:
    outcome = log.get("outcome", "complete")
    troubles = [f"{outcome} {log.get('error_code') or ''}".strip()] if outcome != "complete" else []
    troubles += [f"error trailers {call.trailers.error_type}"] if call.trailers else []
    troubles += [str(call.error)] if call.error else []
    troubles += ["caller left"] if call.is_caller_gone else []
    troubles += ["empty body: on AWS the caller may wait for minutes"] if _is_empty(call) else []
    return troubles


def _is_empty(call: Call) -> bool:
    return call.error is None and not call.bytes_out and call.method != "HEAD"


def _is_good(call: Call, log: Log) -> bool:
    return call.status < 400 and not call.error and not call.trailers and log.get("outcome", "complete") in GOOD


def _model(log: Log) -> str:
    """`openai/gpt-5-mini`; `smart > openai/gpt-5-mini` where the caller asked by another name."""
    asked, name, provider = log.get("route"), log.get("gen_ai.request.model"), log.get("gen_ai.provider.name")
    target = f"{provider}/{name}" if provider and name else name or ""
    return str(f"{asked} > {target}" if asked and target and asked not in (target, name) else target or asked or "")


def dollars(nano_dollars: int | None) -> str:
    """Six decimals, nine for less than a millionth of a dollar; a cost that is not known is a question mark."""
    if nano_dollars is None:
        return "$?"
    decimals = 9 if 0 < nano_dollars < 1000 else 6
    return f"${nano_dollars / NANO:.{decimals}f}"


def _trouble(line: str, log: Log) -> str:
    """What an operator should know, from a JSON line or a plain one; empty for all other lines."""
    found = TROUBLE.search(str(log.get("message", "")) if log else line)
    fields = [str(log[name]) for name in TROUBLE_FIELDS if name in log]
    return " ".join([found[0].rstrip(), *fields]) if found else ""


def _parsed(line: str) -> Log:
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _time(at: datetime) -> str:
    return at.astimezone().strftime("%H:%M:%S")


def _cells(name: str, row: Row) -> tuple[str, ...]:
    cost = dollars(row.nano_dollars) + (f" + {row.unknown} unknown" if row.unknown else "")
    return name, str(row.calls), str(row.failed), str(row.input_tokens), str(row.output_tokens), cost


def _aligned(cell: str, width: int, index: int) -> str:
    return cell.ljust(width) if index == 0 else cell.rjust(width)


def _sum(rows: list[Row]) -> Row:
    return Row(
        calls=sum(row.calls for row in rows),
        failed=sum(row.failed for row in rows),
        input_tokens=sum(row.input_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        nano_dollars=sum(row.nano_dollars for row in rows),
        unknown=sum(row.unknown for row in rows),
    )
