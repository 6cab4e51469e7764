"""Which of the two permissions a caller lacks who was refused: IAM's own simulation says, to whoever may ask it.

A function URL asks for lambda:InvokeFunctionUrl and lambda:InvokeFunction, and does not say which one is missing.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

import re
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sluice_cli.checks.finding import Finding, problem
from sluice_cli.checks.function_url import SIGNED, Denied

ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
CONTEXT = [
    {"ContextKeyName": "lambda:FunctionUrlAuthType", "ContextKeyType": "string", "ContextKeyValues": ["AWS_IAM"]},
    {"ContextKeyName": "lambda:InvokedViaFunctionUrl", "ContextKeyType": "boolean", "ContextKeyValues": ["true"]},
]
SESSION = re.compile(r"arn:(?P<partition>[^:]+):sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/.+")
OF_SSO = "AWSReservedSSO_"
BOTH = " and ".join(ACTIONS)
POLICY = "the policy of the stack's output CallerPolicyArn"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was refused at which function. `policy` is the ARN that the output CallerPolicyArn names, if known."""

    principal: str
    function: str | None = None
    policy: str | None = None


def denied_finding(iam: Any, denied: Denied, asked: Asked) -> Finding:
    """The refusal, with the permissions that are missing where IAM tells, and how to give them."""
    missing = _missing(iam, asked) if asked.function else ()
    lacks = " and ".join(missing) if missing else f"{BOTH}, one of them or both"
    what = f"refused: {denied.words or 'no reason given'}: {asked.principal} lacks {lacks}"
    return problem(SIGNED, what, attach_command(asked))


def attach_command(asked: Asked) -> str:
    """How to give a principal the caller policy."""
    policy = asked.policy or "CALLER_POLICY_ARN"
    if session := SESSION.fullmatch(asked.principal):
        if session["role"].startswith(OF_SSO):
            return f"attach {asked.policy or POLICY} to the permission set in IAM Identity Center"
        return f"aws iam attach-role-policy --role-name {session['role']} --policy-arn {policy}"
    kind, _, name = asked.principal.partition(":user/")
    if kind and name:
        return f"aws iam attach-user-policy --user-name {name.rpartition('/')[2]} --policy-arn {policy}"
    return f"attach {asked.policy or POLICY} to {asked.principal}"


def _missing(iam: Any, asked: Asked) -> tuple[str, ...]:
    """Empty where IAM does not tell, or would allow both."""
    try:
        answer = iam.simulate_principal_policy(
            PolicySourceArn=_source(asked.principal),
            ActionNames=list(ACTIONS),
            ResourceArns=[asked.function],
            ContextEntries=CONTEXT,
        )
    except (ClientError, BotoCoreError):
        return ()
    results = answer.get("EvaluationResults", [])
    return tuple(one["EvalActionName"] for one in results if one["EvalDecision"] != "allowed")


def _source(principal: str) -> str:
    """The role of a session; its path is not in the session's ARN, so a role with one is not found."""
    session = SESSION.fullmatch(principal)
    return f"arn:{session['partition']}:iam::{session['account']}:role/{session['role']}" if session else principal
