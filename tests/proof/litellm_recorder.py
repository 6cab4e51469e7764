"""LiteLLM's own way to keep records without a database: a custom callback, which it loads from beside its configuration.

One line of JSON for each call that has ended, well or not. https://docs.litellm.ai/docs/proxy/logging#custom-callback-class
"""

import importlib
import json
import os
from typing import Any

Logger: Any = importlib.import_module("litellm.integrations.custom_logger").CustomLogger


class Recorder(Logger):  # type: ignore[misc]
    """Appends to the file that PROOF_RECORDS names."""

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self._write(kwargs, is_success=True)

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self._write(kwargs, is_success=False)

    def _write(self, kwargs: Any, *, is_success: bool) -> None:
        told = kwargs.get("standard_logging_object") or {}
        line = {"call": told.get("end_user"), "success": is_success, "cost": told.get("response_cost")}
        with open(os.environ["PROOF_RECORDS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


recorder = Recorder()
