# Prints a whole answer through Sluice; awscurl does not stream. Needs: pip install awscurl
awscurl --service lambda --region "$AWS_REGION" --fail-with-body \
  --request POST --header "content-type: application/json" \
  --data '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]}' \
  "$SLUICE_URL/v1/chat/completions"
