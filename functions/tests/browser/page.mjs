// What the page under /static/ must do in a real Chromium. Run by tests/service/browser.rs, which starts the server behind PAGE: its
// `grayscale` answers with a picture, its `classify` with a sentence that tries to be more than one. The server behind LISTED has
// one function that takes pictures, known by its manifest alone. Any complaint ends with exit code 1.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";

const require = createRequire(path.join(process.env.SHELFWISE_BROWSER_MODULES, "anything.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const { CHROMIUM, PAGE, LISTED } = process.env;

const complaints = [];
const expect = (good, what) => good || complaints.push(what);

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

async function open(options, url = PAGE) {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.on("console", (message) => {
    // An answer of 4xx says so in the console, and what cannot be reached; this page has no icon.
    const expected = /Failed to load resource: (the server responded with a status of 4|net::ERR_FAILED)/.test(message.text());
    expect(!["error", "warning"].includes(message.type()) || expected, `console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const own = request.url().startsWith("blob:") || new URL(request.url()).origin === new URL(url).origin;
    expect(own, `asks ${request.url()}`);
  });
  await page.goto(url);
  return page;
}

async function accessible(page, when) {
  // As a string: the page's policy allows no script of others, and what the debugger evaluates is none of the page's.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"] }));
  for (const { id, nodes } of violations) complaints.push(`${when}: axe: ${id}: ${nodes.map((node) => node.html).join(" ")}`);
}

const PICTURE = { name: "p.gif", mimeType: "image/gif", buffer: Buffer.from("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=", "base64") };
const send = (page) => page.getByRole("button", { name: "Send" }).click();

for (const options of [{ colorScheme: "light", viewport: { width: 1280, height: 900 } }, { colorScheme: "dark", viewport: { width: 390, height: 844 } }]) {
  const name = options.colorScheme;
  const page = await open(options);
  await accessible(page, name);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(wide <= 0, `${name}: ${wide} pixels too wide`);

  await page.setInputFiles("#file", PICTURE);
  expect(await page.locator("#before").isVisible(), `${name}: the chosen picture is not shown`);
  await send(page);
  await page.locator("#after").waitFor({ timeout: 10_000 });
  const shown = await page.locator("#after img").evaluate(async (image) => (await image.decode(), image.naturalWidth));
  expect(shown === 1, `${name}: the picture that was made is not shown`);
  expect((await page.locator("#save").getAttribute("download")) === "grayscale.gif", `${name}: the picture cannot be saved`);
  expect((await page.locator("#outcome").innerText()) === "Done.", `${name}: it does not say that it is done`);

  await page.getByLabel("Classify").check();
  await send(page);
  const link = page.locator("#outcome a");
  await link.waitFor({ timeout: 10_000 });
  const sentence = await page.locator("#outcome").innerText();
  expect(sentence === "It likely a cat & dog in the picture", `${name}: it says ${sentence}`);
  expect((await link.getAttribute("href")) === "https://search.example/?q=cat", `${name}: the link leads elsewhere`);
  expect((await page.locator("#outcome *").count()) === 1, `${name}: there is more than a link`);
  expect((await page.title()).startsWith("Pictures"), `${name}: a function ran in the page`);
  expect(!(await page.locator("#after").isVisible()), `${name}: the picture before is still shown`);
  await accessible(page, `${name}, answered`);

  // Nothing answers to this.
  await page.locator("input[value=go]").evaluate((choice) => (choice.value = "js"));
  await send(page);
  await page.getByRole("alert").waitFor({ timeout: 10_000 });
  const words = await page.getByRole("alert").innerText();
  expect(words === "The function cannot read this picture. Is it a JPEG, PNG or GIF?", `${name}: it complains: ${words}`);
  await accessible(page, `${name}, refused`);

  // It cannot be reached.
  await page.route("**/api/hello", (route) => route.abort());
  await send(page);
  await page.getByText("The server cannot be reached").waitFor({ timeout: 10_000 });
  expect(await page.getByRole("button", { name: "Send" }).isEnabled(), `${name}: it cannot be tried again`);
  await page.unroute("**/api/hello");

  // It takes long, and is stopped.
  let go;
  await page.route("**/api/hello", (route) => new Promise((resolve) => (go = resolve)).then(() => route.abort()));
  await send(page);
  await page.getByRole("button", { name: "Stop" }).click();
  expect((await page.locator("#outcome").innerText()) === "Stopped.", `${name}: it does not stop`);
  expect(!(await page.locator("#going").isVisible()), `${name}: it goes on`);
  go?.();
  await page.context().close();
}
const listed = await open({}, LISTED);
await listed.getByRole("radio", { name: "To sepia <b>Browner</b>" }).waitFor({ timeout: 10_000 });
expect((await listed.getByRole("radio").count()) === 1, "listed: there are others");
await accessible(listed, "listed");
await listed.setInputFiles("#file", PICTURE);
await send(listed);
await listed.locator("#after").waitFor({ timeout: 10_000 });
expect((await listed.locator("#save").getAttribute("download")) === "to-sepia.gif", "listed: the picture cannot be saved");
await listed.context().close();

const page = await open({ javaScriptEnabled: false });
expect(await page.getByText("scripts are off").isVisible(), "without a script, it does not say so");
await page.context().close();

await browser.close();
for (const complaint of complaints) console.error(complaint);
process.exit(complaints.length > 0 ? 1 : 0);
