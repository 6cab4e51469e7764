// Streams an answer of a Bedrock model through Sluice.
// Needs: npm install @aws-sdk/client-bedrock-runtime @smithy/node-http-handler
import { BedrockRuntimeClient, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const region = process.env.AWS_REGION;
const client = new BedrockRuntimeClient({
  endpoint: process.env.SLUICE_URL,
  region,
  requestHandler: new NodeHttpHandler(), // HTTP/1.1; the SDK would speak HTTP/2 to Bedrock
  httpAuthSchemeProvider: () => [
    {
      schemeId: "aws.auth#sigv4",
      signingProperties: { signingName: "lambda", signingRegion: region },
      propertiesExtractor: (config, context) => ({ signingProperties: { config, context } }),
    },
  ],
});
const { stream } = await client.send(
  new ConverseStreamCommand({
    modelId: "amazon.nova-micro-v1:0",
    messages: [{ role: "user", content: [{ text: "Hello!" }] }],
  }),
);
for await (const event of stream) {
  process.stdout.write(event.contentBlockDelta?.delta?.text ?? "");
}
