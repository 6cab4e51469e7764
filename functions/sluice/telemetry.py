"""What the gateway says about itself: one line per call, never a prompt or an answer.

The line of a call is its log and its metrics in one (CloudWatch's embedded metric format: the fields that are not
metrics are metadata). Names are OpenTelemetry's `gen_ai.*` where it has one (semantic-conventions-genai). It is
printed before the ledger is settled, so that it stands even where that write fails.

What an alarm of the template waits for has the table's name as a dimension: it tells the gateways of an account apart.
"""

import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

CALL = "sluice.call"
UNSETTLED = "sluice.unsettled"
BUDGET_REFUSED = "sluice.budget_refused"
OF_KEYS = "key"  # a virtual key's own budgets are named `key <its name>`
ALARMS = {UNSETTLED: "Unsettled"}  # troubles that an alarm waits for, and its metric
OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
REQUEST_STREAM = "gen_ai.request.stream"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
MAX_TEXT = 256
FIRST_CHUNK = "TimeToFirstChunk"

METRICS = (
    (FIRST_CHUNK, MetricUnit.Milliseconds, "ttft_ms"),
    ("Duration", MetricUnit.Milliseconds, "duration_ms"),
    ("InputTokens", MetricUnit.Count, INPUT_TOKENS),
    ("OutputTokens", MetricUnit.Count, OUTPUT_TOKENS),
    ("CostNanoDollars", MetricUnit.Count, "cost_nano_dollars"),
)


class Telemetry:
    """Powertools' Logger and Metrics behind the few things we ever say. Without a `table` no alarm is told of them."""

    def __init__(self, logger: Logger | None = None, metrics: Metrics | None = None, table: str | None = None) -> None:
        self._logger = logger or Logger()
        self._metrics = metrics or Metrics()
        self._table = table

    def call(self, fields: Mapping[str, Any]) -> None:
        """One call that is over. Dimensions come from the configuration, so their number is bounded (P05)."""
        metrics = self._metrics
        for name, unit, key in METRICS:
            if fields.get(key) is not None:
                metrics.add_metric(name=name, unit=unit, value=fields[key])
        metrics.add_metric(name="Calls", unit=MetricUnit.Count, value=1)
        metrics.add_dimension(name="provider", value=str(fields.get(PROVIDER_NAME) or "none"))
        metrics.add_dimension(name="outcome", value=str(fields["outcome"]))
        metrics.metadata_set.update(_bounded(fields), message=CALL)
        self._flush_call()

    def _flush_call(self) -> None:
        """As Powertools does, with the time to the first chunk once more, by table: an alarm watches one metric, and
        these are by provider and outcome.
        """
        line: dict[str, Any] = dict(self._metrics.serialize_metric_set())
        about = line["_aws"]["CloudWatchMetrics"]
        if self._table and FIRST_CHUNK in line:
            watched = {"Dimensions": [["table", "service"]], "Metrics": [{"Name": FIRST_CHUNK, "Unit": "Milliseconds"}]}
            about.append({"Namespace": about[0]["Namespace"], **watched})
            line["table"] = self._table
        print(json.dumps(line, separators=(",", ":")))
        self._metrics.clear_metrics()

    def budget_refused(self, budget: str, *, is_false: bool, fields: Mapping[str, Any]) -> None:
        """A budget had no room for a call; `is_false`: what was really spent is below nine tenths of the limit.

        `budget` is the name that a policy gives it; those of virtual keys, of which there may be any number, are one.
        """
        metrics = self._metrics
        metrics.add_metric(name="BudgetRefused", unit=MetricUnit.Count, value=1)
        metrics.add_metric(name="BudgetFalseRefused", unit=MetricUnit.Count, value=int(is_false))
        metrics.add_dimension(name="budget", value=OF_KEYS if budget.startswith(f"{OF_KEYS} ") else budget)
        if self._table:
            metrics.add_dimension(name="table", value=self._table)
        metrics.metadata_set.update(_bounded(fields), message=BUDGET_REFUSED)
        metrics.flush_metrics()

    def alarm(self, message: str, metric: str, dimensions: Mapping[str, str], fields: Mapping[str, Any]) -> None:
        """Something that an alarm of the template waits for: one line that is both log and metric."""
        self._metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
        for name, value in dimensions.items():
            self._metrics.add_dimension(name=name, value=value)
        self._metrics.metadata_set.update(_bounded(fields), message=message)
        self._metrics.flush_metrics()

    def trouble(self, message: str, fields: Mapping[str, Any]) -> None:
        """Something an operator should look at; an alarm rings for what is in `ALARMS`."""
        if message in ALARMS and self._table:
            self.alarm(message, ALARMS[message], {"table": self._table}, fields)
        else:
            self._logger.warning(message, extra=_bounded(fields))


def _bounded(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[:MAX_TEXT] if isinstance(value, str) else value for name, value in fields.items()}
