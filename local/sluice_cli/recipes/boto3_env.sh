# Sends the Bedrock calls of unmodified boto3 programs through Sluice: eval this, and start them from the same shell.
# botocore finds the file beside its own description of Bedrock, and signs for the service that it names.
sluice_data="${XDG_DATA_HOME:-$HOME/.local/share}/sluice/botocore"
mkdir -p "$sluice_data/bedrock-runtime/2023-09-30"
echo '{"version": 1.0, "merge": {"metadata": {"signingName": "lambda"}}}' \
  >"$sluice_data/bedrock-runtime/2023-09-30/service-2.sdk-extras.json"
export AWS_DATA_PATH="$sluice_data${AWS_DATA_PATH:+:$AWS_DATA_PATH}"
export AWS_ENDPOINT_URL_BEDROCK_RUNTIME="$SLUICE_URL" AWS_DEFAULT_REGION="$AWS_REGION"
