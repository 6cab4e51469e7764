"""What Azure refuses before a model is asked, as it words it; a model's own refusals are OpenAI's."""

import json

from sluice_devstack.simulated.refusal import Refusal

FILTER = "content_filter"
TRIGGERED = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify "
    "your prompt and retry. To learn more about our content filtering policies please read our documentation: "
    "https://go.microsoft.com/fwlink/?linkid=2198766"
)
DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)
NO_DEPLOYMENT = (
    "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
    "please wait a moment and try again."
)


def refusal(status: int, code: str, message: str, **more: object) -> Refusal:
    return Refusal(status, json.dumps({"error": {**more, "code": code, "message": message}}))


def filtered(results: dict[str, object]) -> Refusal:
    """A prompt that the content filter refuses, with what it found."""
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": results}
    body = {"message": TRIGGERED, "type": None, "param": "prompt", "code": FILTER, "status": 400, "innererror": inner}
    return Refusal(400, json.dumps({"error": body}))


WRONG_KEY = refusal(401, "401", DENIED)
NOT_FOUND = refusal(404, "404", "Resource not found")
UNKNOWN_VERSION = refusal(400, "BadRequest", "API version not supported")
DEPLOYMENT_NOT_FOUND = refusal(404, "DeploymentNotFound", NO_DEPLOYMENT, type="invalid_request_error")
TOO_LARGE = refusal(413, "413", "The request body is too large.")
