"""The marshaller: HTTP responses become streams, everything else stays awslambdaric's."""

from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

from streaming_runtime.response import StreamedResponse, streamed
from streaming_runtime.wire import CONTENT_TYPE


class StreamingMarshaller(LambdaMarshaller):  # type: ignore[misc]  # awslambdaric is untyped
    """Called inside awslambdaric's try: what it raises goes to /error."""

    def marshal_response(self, response: object) -> tuple[StreamedResponse | str | bytes, str]:
        """Every dict with a statusCode is framed: buffered, it would reach a streaming URL's caller as raw JSON."""
        if isinstance(response, dict) and "statusCode" in response:
            return streamed(response), CONTENT_TYPE
        marshalled: tuple[str | bytes, str] = super().marshal_response(response)
        return marshalled
