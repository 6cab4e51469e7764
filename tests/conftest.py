"""Fixtures that several folders share."""

pytest_plugins = ("tests.engines", "tests.aws_calls")
