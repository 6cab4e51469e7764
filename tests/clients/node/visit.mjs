// Opens a page in headless Chromium. Standard input: {"url", "screenshot"}. Standard output: JSON lines, one {"text"} for
// each call of the page's report(text), and when the page has set data-state one {"state", "shown", "headers", "network"}.
import sparticuz from "@sparticuz/chromium";
import { chromium } from "playwright-core";
import { text as readAll } from "node:stream/consumers";

// Not the package's own arguments: they turn off the browser's web security, and CORS with it.
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--single-process", "--no-zygote", "--disable-lcd-text"];
const PATIENCE_MS = 30_000;

const asked = JSON.parse(await readAll(process.stdin));
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function watchNetwork(session, seen) {
  const exchanges = new Map();
  session.on("Network.requestWillBeSent", ({ requestId, request }) => {
    const exchange = { method: request.method, url: request.url };
    exchanges.set(requestId, exchange);
    seen.push(exchange);
  });
  session.on("Network.responseReceived", ({ requestId, response }) => {
    Object.assign(exchanges.get(requestId) ?? {}, { status: response.status, headers: response.headers });
  });
  session.on("Network.loadingFailed", ({ requestId, corsErrorStatus }) => {
    Object.assign(exchanges.get(requestId) ?? {}, { refused: corsErrorStatus?.corsError });
  });
}

const executablePath = await sparticuz.executablePath();
const browser = await chromium.launch({ executablePath, args: ARGUMENTS });
try {
  const page = await browser.newPage({ locale: "en-US", viewport: { width: 960, height: 720 }, deviceScaleFactor: 1 });
  const network = [];
  const session = await page.context().newCDPSession(page);
  watchNetwork(session, network);
  await session.send("Network.enable");
  await page.exposeFunction("report", (text) => say({ text }));
  page.on("pageerror", (error) => say({ error: String(error) }));
  await page.goto(asked.url);
  await page.waitForSelector("body[data-state]", { timeout: PATIENCE_MS });
  if (asked.screenshot) await page.screenshot({ path: asked.screenshot, fullPage: true });
  say({
    state: await page.getAttribute("body", "data-state"),
    shown: await page.innerText("#answer"),
    headers: Object.fromEntries(await page.evaluate(() => window.exposed ?? [])),
    network,
  });
} finally {
  await browser.close();
}
