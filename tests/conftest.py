"""Fixtures that several folders share."""

pytest_plugins = ("tests.engines", "tests.aws_calls", "tests.egress", "tests.fault_table", "tests.workers")
