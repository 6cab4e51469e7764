// Streams an answer through Sluice. Needs: npm install openai aws4fetch @aws-sdk/credential-providers
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import { AwsClient } from "aws4fetch";
import OpenAI from "openai";

const credentials = fromNodeProviderChain(); // environment, profile, SSO, container, instance; refreshed in time

async function signedFetch(url, init) {
  const region = process.env.AWS_REGION;
  const aws = new AwsClient({ ...(await credentials()), service: "lambda", region, retries: 0 });
  return aws.fetch(url, init);
}

const client = new OpenAI({
  baseURL: process.env.SLUICE_URL + "/v1",
  apiKey: "unused", // your AWS identity signs the request
  fetch: signedFetch,
});
const stream = await client.chat.completions.create({
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "Hello!" }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta.content ?? "");
}
