// Streams an answer into a page. Needs aws4fetch, and `/session`: a route of your own server that knows who has signed
// in and answers { url, region, credentials } with temporary credentials of a role that may call the gateway only.
import { AwsClient } from "aws4fetch";

export async function ask(question, show) {
  const { url, region, credentials } = await (await fetch("/session")).json();
  const aws = new AwsClient({ ...credentials, service: "lambda", region, retries: 0 });
  const response = await aws.fetch(url + "/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "gpt-4o-mini",
      messages: [{ role: "user", content: question }],
      stream: true,
    }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let unfinished = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const events = (unfinished + read.value).split("\n\n");
    unfinished = events.pop();
    for (const event of events) {
      if (!event.startsWith("data: {")) continue; // a heartbeat, or the end
      const { choices, error } = JSON.parse(event.slice("data: ".length));
      if (error) throw new Error(error.message);
      show(choices[0]?.delta.content ?? "");
    }
  }
  return response;
}
