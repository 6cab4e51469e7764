"""Sluice on one machine: the runtime layer behind an emulated function URL, with embedded AWS and simulated models."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluice_devstack.stack import DevStack, StackError, StackOptions

__all__ = ["DevStack", "StackError", "StackOptions"]


def __getattr__(name: str) -> object:
    """Loads the stack on first use: whoever needs only a part of this package does not pay for all of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sluice_devstack import stack

    return getattr(stack, name)
