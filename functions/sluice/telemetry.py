"""What the gateway says about itself: one line per call, never a prompt or an answer.

The line of a call is its log and its metrics in one (CloudWatch's embedded metric format: the fields that are not
metrics are metadata). Names are OpenTelemetry's `gen_ai.*` where it has one (semantic-conventions-genai). It is
printed before the ledger is settled, so that it stands even where that write fails.
"""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

CALL = "sluice.call"
UNSETTLED = "sluice.unsettled"
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

METRICS = (
    ("TimeToFirstChunk", MetricUnit.Milliseconds, "ttft_ms"),
    ("Duration", MetricUnit.Milliseconds, "duration_ms"),
    ("InputTokens", MetricUnit.Count, INPUT_TOKENS),
    ("OutputTokens", MetricUnit.Count, OUTPUT_TOKENS),
    ("CostNanoDollars", MetricUnit.Count, "cost_nano_dollars"),
)


class Telemetry:
    """Powertools' Logger and Metrics behind the few things we ever say."""

    def __init__(self, logger: Logger | None = None, metrics: Metrics | None = None) -> None:
        self._logger = logger or Logger()
        self._metrics = metrics or Metrics()

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
        metrics.flush_metrics()

    def alarm(self, message: str, metric: str, dimensions: Mapping[str, str], fields: Mapping[str, Any]) -> None:
        """Something that an alarm of the template waits for: one line that is both log and metric."""
        self._metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
        for name, value in dimensions.items():
            self._metrics.add_dimension(name=name, value=value)
        self._metrics.metadata_set.update(_bounded(fields), message=message)
        self._metrics.flush_metrics()

    def trouble(self, message: str, fields: Mapping[str, Any]) -> None:
        """Something an operator should look at."""
        self._logger.warning(message, extra=_bounded(fields))


def _bounded(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[:MAX_TEXT] if isinstance(value, str) else value for name, value in fields.items()}
