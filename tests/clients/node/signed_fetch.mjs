// The signing fetch of docs/clients.md, for programs that are about something else.
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import { AwsClient } from "aws4fetch";

const credentials = fromNodeProviderChain();

export async function signedFetch(url, init) {
  const region = process.env.AWS_REGION;
  const aws = new AwsClient({ ...(await credentials()), service: "lambda", region, retries: 0 });
  return aws.fetch(url, init);
}
