// The OpenAI SDK on the Responses API: a stream, a tool in two turns, and a response that is not the caller's. JSON lines.
import { signedFetch } from "./signed_fetch.mjs";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.SLUICE_URL + "/v1", apiKey: "unused", fetch: signedFetch, maxRetries: 0 });
const model = "gpt-4o-mini";
const say = (line) => console.log(JSON.stringify(line));
const tools = [
  {
    type: "function",
    name: "get_weather",
    strict: true,
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
  },
];

const stream = client.responses.stream({ model, input: "Hello!" });
let text = "";
for await (const event of stream) {
  if (event.type === "response.output_text.delta") text += event.delta;
}
const streamed = await stream.finalResponse();
say({ text, whole: streamed.output_text, status: streamed.status });

const first = await client.responses.create({ model, tools, input: "What is the weather in Paris?" });
const [call] = first.output.filter((item) => item.type === "function_call");
const answers = [{ type: "function_call_output", call_id: call.call_id, output: "17 degrees and rain" }];
const second = await client.responses.create({ model, tools, previous_response_id: first.id, input: answers });
say({ name: call.name, arguments: JSON.parse(call.arguments), answer: second.output_text });

const strangers = [
  { previous_response_id: "resp_of_somebody_else", input: "And then?" },
  { input: [{ type: "item_reference", id: "msg_of_somebody_else" }] },
];
for (const body of strangers) {
  const error = await client.responses.create({ model, ...body }).catch((error) => error);
  say({ class: error.constructor.name, status: error.status, code: error.code });
}
