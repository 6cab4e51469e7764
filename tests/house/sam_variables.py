"""Run by SAM's own Python: prints the variables that `sam local invoke` would hand each function of a template.

Arguments: the template, the file of --env-vars. Nothing is started, so no container runtime is needed.
"""

import json
import sys
from pathlib import Path

from samcli.commands.local.lib.local_lambda import LocalLambdaRunner
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

template, values = sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
stacks, _ = SamLocalStackProvider.get_stacks(template)
functions = SamFunctionProvider(stacks)
runner = LocalLambdaRunner(None, functions, ".", ".", aws_region="us-east-1", env_vars_values=values)
print(json.dumps({name: runner.get_invoke_config(functions.get(name)).env_vars.resolve() for name in values}))
