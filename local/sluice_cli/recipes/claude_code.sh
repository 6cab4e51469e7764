# Points Claude Code at Sluice: eval this, and start `claude` from the same shell. `sluice proxy` signs its calls.
export ANTHROPIC_BASE_URL=http://127.0.0.1:8790 ANTHROPIC_AUTH_TOKEN=unused
export ANTHROPIC_MODEL="claude-sonnet-4-5"
export ANTHROPIC_DEFAULT_HAIKU_MODEL="claude-haiku-4-5"
unset ANTHROPIC_API_KEY
echo "Run this meanwhile, in another terminal: sluice proxy --url $SLUICE_URL --region $AWS_REGION" >&2
