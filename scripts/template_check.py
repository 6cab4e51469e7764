"""Judges template.yaml, and the CloudFormation that SAM makes of it, by template_rules.py; any complaint fails.

Runs in .venv-sam, whose translator is the one that `sam deploy`'s CloudFormation applies. Offline.
https://github.com/aws/serverless-application-model
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from cfnlint.decode import decode
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

from template_rules import RULES, Template

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"
UPLOADED = "s3://bucket/key"  # SAM wants sources where `sam package` would have put them


class NoPolicies(ManagedPolicyLoader):  # type: ignore[misc]
    """No managed policy is named in the template, so none is asked of AWS."""

    def __init__(self) -> None:
        super().__init__(None)

    def load(self) -> dict[str, str]:
        return {}


def read(path: Path) -> Template:
    """The template, tags in their long form."""
    document, problems = decode(str(path))
    if document is None:
        raise SystemExit("\n".join(f"template: {problem}" for problem in problems))
    template: Template = json.loads(json.dumps(document, default=str))
    return template


def cloudformation(template: Template) -> Template:
    """What CloudFormation gets when SAM has been through it."""
    copied: Any = json.loads(json.dumps(template))
    copied["Globals"]["Function"]["CodeUri"] = UPLOADED
    for resource in copied["Resources"].values():
        if "ContentUri" in resource.get("Properties", {}):
            resource["Properties"]["ContentUri"] = UPLOADED
    made: Template = transform(copied, {}, NoPolicies())
    return made


def complaints(template: Template) -> list[str]:
    forms = {"template.yaml": template, "as CloudFormation": cloudformation(template)}
    return [f"{form}: {found}" for form, each in forms.items() for rule in RULES for found in rule(each)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Judge template.yaml by our own rules.")
    parser.add_argument("--template", type=Path, default=TEMPLATE, help="another template (default template.yaml)")
    parser.add_argument("--print", action="store_true", help="print the CloudFormation instead, as JSON")
    options = parser.parse_args()
    os.environ["AWS_DEFAULT_REGION"] = os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"  # the translator wants one
    template = read(options.template)
    if options.print:
        print(json.dumps(cloudformation(template)))
        return 0
    found = complaints(template)
    for complaint in found:
        print(f"template: {complaint}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
