"""awslambdaric's own loop, with our client in it. SnapStart, X-Ray, logging and init errors stay as they are there."""

import os
import sys

from awslambdaric import bootstrap, lambda_runtime_client
from awslambdaric.lambda_config import LambdaConfigProvider

from streaming_runtime.client import ConcurrentStreamingClient, StreamingClient


def run() -> None:
    """Serves invocations until the process ends."""
    config = LambdaConfigProvider(["", os.environ["_HANDLER"]])
    if lambda_runtime_client.runtime_client is None:
        stop_unfit(config)
    elif config.is_multi_concurrent:
        run_workers(config)
    else:
        bootstrap.run(config.handler, StreamingClient(config.api_address, config.use_thread_polling))


def run_workers(config: LambdaConfigProvider) -> None:
    """Lambda Managed Instances: awslambdaric forks workers, each serving one invocation at a time.

    It offers no way to choose their client's class, so the name it looks up is given another.
    """
    from awslambdaric import lambda_multi_concurrent_utils as workers

    workers.LambdaMultiConcurrentRuntimeClient = ConcurrentStreamingClient
    workers.MultiConcurrentRunner.run_concurrent(
        config.handler,
        config.api_address,
        config.use_thread_polling,
        config.lmi_socket_path,
        int(config.max_concurrency),
    )


def stop_unfit(config: LambdaConfigProvider) -> None:
    """awslambdaric hides that its native part did not load and would fail at /next, with a riddle."""
    interpreter = f"{sys.implementation.cache_tag} on {os.uname().machine}"
    message = f"the runtime layer was not built for this interpreter: {interpreter}"
    error = bootstrap.make_error(message, "Runtime.LayerMismatch", None)
    StreamingClient(config.api_address).post_init_error(error)
    sys.exit(message)
