"""Why a command ends without having done what it was asked for. A message is one line that says what would be right."""


class CommandFailed(Exception):
    """It was asked for something sensible and it did not work: exit code 1."""


class UsageError(Exception):
    """It was asked for something that cannot be: exit code 2."""
