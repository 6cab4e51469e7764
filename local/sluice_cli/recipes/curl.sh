# Prints the events of a stream through Sluice as they come. Needs curl 7.76 or newer, and credentials in variables:
# eval "$(aws configure export-credentials --format env)"
curl --no-buffer --silent --show-error --fail-with-body \
  --aws-sigv4 "aws:amz:$AWS_REGION:lambda" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
  ${AWS_SESSION_TOKEN:+"-Hx-amz-security-token: $AWS_SESSION_TOKEN"} \
  --header "content-type: application/json" \
  --data '{"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": "Hello!"}]}' \
  "$SLUICE_URL/v1/chat/completions"
