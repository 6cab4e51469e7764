// Streams an answer through Sluice with the AI SDK.
// Needs: npm install ai @ai-sdk/openai aws4fetch @aws-sdk/credential-providers
import { createOpenAI } from "@ai-sdk/openai";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import { streamText } from "ai";
import { AwsClient } from "aws4fetch";

const credentials = fromNodeProviderChain(); // environment, profile, SSO, container, instance; refreshed in time

async function signedFetch(url, init) {
  const region = process.env.AWS_REGION;
  const aws = new AwsClient({ ...(await credentials()), service: "lambda", region, retries: 0 });
  return aws.fetch(url, init);
}

const sluice = createOpenAI({
  baseURL: process.env.SLUICE_URL + "/v1",
  apiKey: "unused", // your AWS identity signs the request
  fetch: signedFetch,
});
const { textStream } = streamText({ model: sluice.chat("gpt-4o-mini"), prompt: "Hello!" });
for await (const text of textStream) {
  process.stdout.write(text);
}
