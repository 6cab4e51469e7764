"""All that `sluice doctor` looks at, in the order in which one thing needs the other."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sluice_cli import aws, deployment, host_build
from sluice_cli.checks import bedrock_access, credentials, function_url, ledger_table, permissions, provider_secrets
from sluice_cli.checks.finding import Finding, Verdict, not_checked, ok, problem
from sluice_cli.deployment import Deployment
from sluice_cli.failure import CommandFailed
from sluice_cli.judgement import ROOT, judged
from sluice_cli.ledger import open_ledger
from sluice_cli.site import Site
from sluice_client import FunctionUrlAuth, SigningError
from sluice_devstack.intrinsics import TemplateError
from sluice_devstack.template import TableSettings, Template

Step = tuple[str, Callable[[], Iterable[Finding]]]
Providers = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at. With `stack` its outputs complete the site; `config` is a gateway.toml, if there is one."""

    site: Site
    stack: str | None
    config: Path | None


class Diagnosis:
    """Take the steps in their order; each tells what it found."""

    def __init__(self, subject: Subject, environ: Mapping[str, str]) -> None:
        self._subject = subject
        self._environ = environ
        self._site = subject.site
        self._deployment: Deployment | None = None
        self._caller: credentials.Caller | None = None
        self._providers: Providers | None = None

    def steps(self) -> Iterator[Step]:
        """Each with a word on what is being looked at."""
        yield "the configuration", self._configuration
        yield "the credentials", self._credentials
        if self._subject.stack:
            yield "the stack", self._stack
        yield "the URL", self._url
        yield "the table", self._table
        yield "the secrets", self._secrets
        yield "the access to Bedrock", self._bedrock

    def placed(self, found: Finding) -> Finding:
        """With the stack's own name where a log group is named."""
        stack = self._subject.stack
        return replace(found, remedy=found.remedy.replace("<stack>", stack)) if stack else found

    def _configuration(self) -> Iterator[Finding]:
        check, path = "configuration", self._subject.config
        if path is None:
            yield not_checked(check, "this folder has no gateway.toml", "name one with --config")
            return
        try:
            judgement = judged(path)
        except CommandFailed as failure:
            yield not_checked(check, str(failure))
            return
        if judgement.error:
            yield problem(check, f"{path}: {judgement.error}", "mend it; `sluice config check` looks again")
            return
        self._providers = judgement.providers
        old = host_build.outdated(ROOT)
        note = f" (judged by build/host, where {old} is older; {host_build.MAKE})" if old else ""
        yield ok(check, f"{path} is valid: providers {', '.join(judgement.providers)}{note}")

    def _credentials(self) -> Iterator[Finding]:
        if self._site.is_dev_stack:
            yield ok(credentials.CHECK, "the dev stack's own, from its env file")
            return
        try:
            region = aws.region(self._site, self._environ)
            client = aws.client("sts", self._site, self._environ) if region else None
        except CommandFailed as failure:
            yield problem(credentials.CHECK, str(failure), credentials.SIGN_IN)
            return
        if client is None:
            yield problem("region", "none is set", "set AWS_REGION, or use --region")
            return
        self._caller, finding = credentials.caller(client)
        yield finding

    def _stack(self) -> Iterator[Finding]:
        name = str(self._subject.stack)
        try:
            client = deployment.cloudformation(self._site.region, self._environ)
            self._deployment = deployment.deployment(client, name)
            self._site = self._deployment.site
        except CommandFailed as failure:
            yield problem("stack", str(failure))
            return
        status = self._deployment.status
        if "ROLLBACK" in status or "FAILED" in status:
            remedy = "CloudFormation's events say why: `aws cloudformation describe-stack-events`"
            yield problem("stack", f"{name} is {status}", remedy)
        else:
            yield ok("stack", f"{name} in {self._deployment.region} is {status}")

    def _url(self) -> Iterator[Finding]:
        if self._site.url is None:
            for check in (function_url.UNSIGNED, function_url.SIGNED, function_url.CLOCK):
                yield not_checked(check, "no URL is known", "name it with --url or --stack")
            return
        probe = function_url.Probe(self._site.url)
        yield from function_url.unsigned_findings(probe)
        try:
            auth = FunctionUrlAuth(self._site.region, self._site.credentials)
        except SigningError as error:
            yield not_checked(function_url.SIGNED, str(error))
            return
        found = function_url.signed_finding(probe, auth)
        yield found if isinstance(found, Finding) else self._denied(found)

    def _denied(self, denied: function_url.Denied) -> Finding:
        if self._caller is None:
            remedy = f"the caller needs {permissions.BOTH}: attach {permissions.POLICY}"
            return problem(function_url.SIGNED, f"refused: {denied.words}", remedy)
        outputs = self._deployment.outputs if self._deployment else {}
        asked = permissions.Asked(self._caller.arn, self._function(), outputs.get(deployment.CALLER_POLICY))
        return permissions.denied_finding(aws.client("iam", self._site, self._environ), denied, asked)

    def _function(self) -> str | None:
        """The ARN of the alias behind the URL."""
        if self._deployment is None or self._caller is None:
            return None
        name = self._deployment.outputs.get(deployment.GATEWAY)
        partition = self._caller.arn.split(":")[1]
        place = f"{self._deployment.region}:{self._caller.account}"
        return name and f"arn:{partition}:lambda:{place}:function:{name}:live"

    def _table(self) -> Iterator[Finding]:
        if not self._site.table:
            yield not_checked("table", "no table is known", "name it with --table or --stack")
            return
        try:
            client = aws.client("dynamodb", self._site, self._environ)
            with aws.translated("DynamoDB", {}):
                found = list(ledger_table.table_findings(client, self._site.table, expected_table()))
        except (CommandFailed, TemplateError) as failure:
            yield not_checked("table", str(failure))
            return
        yield from found
        if found[0].verdict != Verdict.PROBLEM:
            yield from ledger_table.record_findings(open_ledger(self._site, self._environ))

    def _secrets(self) -> Iterator[Finding]:
        providers = self._providers if self._providers is not None else self._of_outputs()
        if providers is None:
            yield not_checked("secrets", "no valid configuration names them", "name one with --config")
            return
        try:
            client = aws.client("secretsmanager", self._site, self._environ)
            with aws.translated("Secrets Manager", {}):
                needing = bedrock_access.without_bedrock(providers)
                yield from list(provider_secrets.secret_findings(client, needing, self._prefix()))
        except CommandFailed as failure:
            yield not_checked("secrets", str(failure))

    def _bedrock(self) -> Iterator[Finding]:
        parameters = self._deployment.parameters if self._deployment else {}
        yield from bedrock_access.access_findings(self._providers or {}, parameters, self._site.is_dev_stack)

    def _prefix(self) -> str | None:
        """Of the secrets that the deployed gateway may read."""
        name = self._deployment.outputs.get(deployment.OPENAI_SECRET) if self._deployment else None
        return name.rpartition("/")[0] if name else None

    def _of_outputs(self) -> Providers | None:
        """The one provider that every stack has."""
        name = self._deployment.outputs.get(deployment.OPENAI_SECRET) if self._deployment else None
        return {"openai": {"secret": name}} if name else None


def expected_table() -> TableSettings:
    """As template.yaml has it."""
    return Template.load(ROOT).table()


def document(findings: Iterable[Finding]) -> str:
    """JSON: whether all is well, and every finding."""
    told = [
        {"check": one.check, "verdict": one.verdict, "what": one.what, "remedy": one.remedy or None} for one in findings
    ]
    return json.dumps({"ok": all(one["verdict"] != "problem" for one in told), "findings": told})
