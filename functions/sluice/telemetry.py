"""What the gateway says about itself: one log line and one set of metrics per call, never a prompt or an answer.

Names are OpenTelemetry's `gen_ai.*` where it has one (semantic-conventions-genai). The log line is printed before the
ledger is settled, so that it stands even where that write fails.
"""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

CALL = "sluice.call"
UNSETTLED = "sluice.unsettled"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
REQUEST_STREAM = "gen_ai.request.stream"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
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
    """Powertools' Logger and Metrics behind the two things we ever say."""

    def __init__(self, logger: Logger | None = None, metrics: Metrics | None = None) -> None:
        self._logger = logger or Logger(location=None, sampling_rate=None, xray_trace_id=None)
        self._metrics = metrics or Metrics()

    def call(self, fields: Mapping[str, Any]) -> None:
        """One call that is over."""
        self._logger.info(CALL, extra=_bounded(fields))
        if PROVIDER_NAME in fields:
            self._measure(fields)

    def trouble(self, message: str, fields: Mapping[str, Any]) -> None:
        """Something an operator should look at."""
        self._logger.warning(message, extra=_bounded(fields))

    def _measure(self, fields: Mapping[str, Any]) -> None:
        for name, unit, key in METRICS:
            if fields.get(key) is not None:
                self._metrics.add_metric(name=name, unit=unit, value=fields[key])
        self._metrics.add_metric(name="Calls", unit=MetricUnit.Count, value=1)
        self._metrics.add_dimension(name="provider", value=str(fields[PROVIDER_NAME]))
        self._metrics.add_dimension(name="outcome", value=str(fields["outcome"]))
        self._metrics.flush_metrics()


def _bounded(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[:MAX_TEXT] if isinstance(value, str) else value for name, value in fields.items()}
