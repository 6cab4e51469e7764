// The AWS SDK for JavaScript on each of Bedrock's operations, with a name and with an ARN, and on its errors. JSON lines.
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { text } from "node:stream/consumers";

const { models, unknown } = JSON.parse(await text(process.stdin));
const region = process.env.AWS_REGION;
const client = new BedrockRuntimeClient({
  endpoint: process.env.SLUICE_URL,
  region,
  maxAttempts: 1,
  requestHandler: new NodeHttpHandler(),
  httpAuthSchemeProvider: () => [
    {
      schemeId: "aws.auth#sigv4",
      signingProperties: { signingName: "lambda", signingRegion: region },
      propertiesExtractor: (config, context) => ({ signingProperties: { config, context } }),
    },
  ],
});
const say = (line) => console.log(JSON.stringify(line));
const messages = [{ role: "user", content: [{ text: "Hello!" }] }];
const claude = JSON.stringify({
  anthropic_version: "bedrock-2023-05-31",
  max_tokens: 500,
  messages: [{ role: "user", content: "Hello!" }],
});
const decoded = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

async function collected(items) {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
}

async function operations(modelId) {
  const converse = await client.send(new ConverseCommand({ modelId, messages }));
  const { stream } = await client.send(new ConverseStreamCommand({ modelId, messages }));
  const invoke = await client.send(new InvokeModelCommand({ modelId, body: claude }));
  const { body } = await client.send(new InvokeModelWithResponseStreamCommand({ modelId, body: claude }));
  const counted = await client.send(new CountTokensCommand({ modelId, input: { converse: { messages } } }));
  const events = await collected(stream);
  const chunks = (await collected(body)).map(({ chunk }) => decoded(chunk.bytes));
  return {
    converse: converse.output.message.content[0].text,
    converseStream: events.map((event) => event.contentBlockDelta?.delta.text ?? "").join(""),
    usage: events.at(-1).metadata?.usage,
    invoke: decoded(invoke.body).content[0].text,
    invokeStream: chunks.map((chunk) => chunk.delta?.text ?? "").join(""),
    last: chunks.at(-1).type,
    counted: counted.inputTokens,
  };
}

for (const modelId of models) say(await operations(modelId));
for (const Command of [ConverseCommand, ConverseStreamCommand]) {
  const error = await client.send(new Command({ modelId: unknown, messages })).catch((error) => error);
  say({ name: error.name, status: error.$metadata?.httpStatusCode });
}
