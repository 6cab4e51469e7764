// The Vercel AI SDK over the Responses API: two tool calls in a loop, then a second question about the same. JSON lines.
// With `store` on, which is OpenAI's default, the SDK sends earlier items as references to their ids.
import { signedFetch } from "./signed_fetch.mjs";
import { createOpenAI } from "@ai-sdk/openai";
import { stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const sent = [];
const sluice = createOpenAI({
  baseURL: process.env.SLUICE_URL + "/v1",
  apiKey: "unused",
  fetch: (url, init) => {
    sent.push(JSON.parse(init.body));
    return signedFetch(url, init);
  },
});
const weather = tool({
  description: "The weather in a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `${city}: 17 degrees and rain`,
});
const say = (line) => console.log(JSON.stringify(line));

async function ask(messages) {
  const answer = streamText({ model: sluice("gpt-4o-mini"), tools: { weather }, stopWhen: stepCountIs(3), messages });
  const pieces = [];
  for await (const piece of answer.textStream) pieces.push(piece);
  const steps = await answer.steps;
  say({
    text: pieces.join(""),
    pieces: pieces.length,
    calls: steps.flatMap((step) => step.toolCalls.map((call) => call.input)),
    reasons: steps.map((step) => step.finishReason),
  });
  return [...messages, ...(await answer.response).messages];
}

const turns = await ask([{ role: "user", content: "What is the weather in Paris and Rome?" }]);
await ask([...turns, { role: "user", content: "Thanks! Tell me a joke." }]);
say({ sent: sent.map((body) => body.input.map((item) => item.type ?? item.role)) });
