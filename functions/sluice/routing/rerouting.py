"""A call led to another route than the one that its caller named."""

from dataclasses import replace

from sluice.domain.call import Call


def may_go_to(call: Call, route: str) -> bool:
    """Not where it came from; and a provider key of the caller's own is for no other provider."""
    return call.request.model != route and all(step.key is None for step in call.steps)


def rerouted(call: Call, route: str) -> Call:
    """The same call for another route, in the place of all that it named."""
    request = call.request
    if request.named is not None:
        request = replace(request, named=route)
    else:
        request = replace(request, body={**request.body, "model": route})
    return replace(call, steps=(replace(call.steps[0], request=request, provider=None),), asked=call)
