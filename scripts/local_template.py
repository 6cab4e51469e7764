"""Writes local.yaml beside a built template.yaml: the same, for `sam local invoke --env-vars events/env.json`.

SAM hands a function only the variables that its template declares and drops every other one of the file without a
word (samcli/local/lambdafn/env_vars.py, 1.170.0). What leads to the dev stack has no place in the template that is
deployed, so it is declared in this one. Run by SAM's own Python, whose reader knows CloudFormation's short forms.
"""

import json
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_dump, yaml_parse

VALUES = Path(__file__).resolve().parent.parent / "events" / "env.json"


def main() -> int:
    built = Path(sys.argv[1])
    template = yaml_parse((built / "template.yaml").read_text(encoding="utf-8"))
    for function, values in json.loads(VALUES.read_text(encoding="utf-8")).items():
        properties = template["Resources"][function]["Properties"]
        variables = properties.setdefault("Environment", {}).setdefault("Variables", {})
        for name in values:
            variables.setdefault(name, "")
    (built / "local.yaml").write_text(yaml_dump(template), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
