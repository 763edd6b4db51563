// What a reader's browser must find, in a real Chromium. Run by tests/storefront/browser.rs, which starts the servers:
// SHOP with the sample catalogue, DOWN without recommendations, SMALL with three books, two of them difficult, DESK for
// operators, who sign in with TOKEN: with models, jobs and variants; STUDIO in front of FUNCTIONS, which has some that take
// pictures, one that does not, and one that is refused. Any complaint ends with exit code 1.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";

const here = path.dirname(fileURLToPath(import.meta.url));
const modules = process.env.SHELFWISE_BROWSER_MODULES ?? path.join(here, "node_modules");
const require = createRequire(path.join(modules, "anything.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const { CHROMIUM, SHOP, DOWN, SMALL, DESK, TOKEN, STUDIO, FUNCTIONS } = process.env;
const PICTURE = path.join(here, "../../static/preview.png");

const PAGES = [
  "/", "/categories", "/categories/classics?page=2", "/books/1", "/books/276", "/search?q=dune", "/search?q=the&page=2",
  "/search?q=xyzzyqwert", "/search", "/nowhere", "/for-you", "/welcome", "/my-books", "/my-books/import", "/my-books/erase", "/my-books/erased",
].map((page) => SHOP + page).concat([`${DOWN}/`, `${DOWN}/books/1`, `${SMALL}/`, `${SMALL}/books/1`, `${SMALL}/books/2`, `${SMALL}/books/3`, `${SMALL}/categories`,
  `${SMALL}/categories/manga`, `${SMALL}/categories/mystery`]);
const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 900 };
// A layout-shift score is given to three decimals: below this it is 0. A browser under load now and then counts the
// rounding of a line's height, some hundred-thousandths.
const STILL = 0.0005;

const complaints = [];
const complain = (what) => complaints.push(what);
const expect = (good, what) => good || complain(what);

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});

/** A page that complains of script errors, policy violations and requests to other hosts. */
async function open(url, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.on("console", (message) => {
    // A page that is a 403, 404 or 503, or cannot be had, says so in the console, too.
    const expected = /Failed to load resource: (the server responded with a status of (403|404|413|415|422|503)|net::ERR_INTERNET_DISCONNECTED)/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !expected) complain(`${page.url()}: console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complain(`${page.url()}: ${error}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) complain(`${url}: asks ${request.url()}`);
  });
  await page.goto(url);
  return page;
}

const close = (page) => page.context().close();

async function journey(javaScriptEnabled) {
  const name = javaScriptEnabled ? "journey with script" : "journey without script";
  const page = await open(SHOP + "/", { javaScriptEnabled });
  expect((await page.title()) === "Online Books For You", `${name}: title of the home page`);
  await page.getByRole("link", { name: /^Fantasy/ }).click();
  await page.waitForURL("**/categories/fantasy");
  expect((await page.getByRole("heading", { level: 1 }).innerText()) === "Fantasy", `${name}: heading of the category`);
  await page.locator(".wall .card").nth(3).click();
  await page.waitForURL("**/books/*");
  const title = await page.getByRole("heading", { level: 1 }).innerText();
  const field = page.getByRole("searchbox", { name: "Search the catalogue" });
  await field.fill(title);
  await page.getByRole("button", { name: "Search" }).click();
  await page.waitForURL("**/search?q=*");
  const first = await page.locator("#results .name").first().innerText();
  expect(first === title, `${name}: ${title} finds ${first}`);
  await page.goBack();
  await page.locator(".tags a").first().click();
  await page.waitForURL((url) => url.pathname.startsWith("/categories/"));
  await page.getByRole("link", { name: "Shelfwise" }).click();
  await page.waitForURL(SHOP + "/");
  await close(page);
}

/** Light and dark, phone and desktop, on one load. */
async function accessible(url, looks, options = {}) {
  const page = await open(url, options);
  await page.evaluate(axe);
  for (const { viewport = DESKTOP, ...media } of looks) {
    await page.setViewportSize(viewport);
    await page.emulateMedia(media);
    const { violations, passes } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
    expect(passes.length > 10, `${url}: axe saw nothing`);
    for (const { id, nodes } of violations) {
      const what = nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} ${node.any[0]?.message ?? ""}`).join(" | ");
      complain(`${url} ${viewport.width} ${JSON.stringify(media)}: axe: ${id}: ${what}`);
    }
  }
  await close(page);
}

/** Tab reaches everything that can be used; what has the focus is marked, in view and not covered. */
async function keyboard(url, viewport, options = {}) {
  const page = await open(url, { viewport, ...options });
  const name = `keyboard: ${url} at ${viewport.width}`;
  const all = await page.locator("a:visible, button:visible, input:visible, select:visible, textarea:visible, summary:visible, [tabindex='0']:visible").count();
  const seen = new Set();
  for (let step = 0; step < all + 5; step++) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const style = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      const [x, y] = [box.x + box.width / 2, box.y + Math.min(box.height / 2, 40)];
      const top = document.elementFromPoint(x, y);
      const edge = 1;
      return {
        index: [...document.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]")].indexOf(element),
        what: element.outerHTML.slice(0, 120),
        marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        inView: box.top >= -edge && box.left >= -edge && box.right <= innerWidth + edge && box.top < innerHeight - 24,
        uncovered: element === top || element.contains(top),
      };
    });
    if (!focus) break;
    seen.add(focus.index);
    expect(focus.marked, `${name}: not marked: ${focus.what}`);
    expect(focus.inView, `${name}: out of view: ${focus.what}`);
    expect(focus.uncovered, `${name}: covered: ${focus.what}`);
  }
  const hidden = await page.evaluate(() => [...document.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]")].filter((element) => {
    if (!element.checkVisibility() || element.tabIndex < 0) return false;
    if (element.type !== "radio") return true;
    // A group is one stop: what is chosen, or else the first.
    const group = [...element.form.elements[element.name]];
    return element === (group.find((one) => one.checked) ?? group[0]);
  }).length);
  expect(seen.size === hidden, `${name}: ${seen.size} of ${hidden} reached`);
  await page.evaluate(() => document.activeElement.blur());
  await page.reload();
  await page.keyboard.press("Tab");
  expect((await page.evaluate(() => document.activeElement.className)) === "skip", `${name}: the skip link is not first`);
  await page.keyboard.press("Enter");
  expect((await page.evaluate(() => document.activeElement.id)) === "content", `${name}: the skip link leads nowhere`);
  await close(page);
}

/** Targets of at least 24 × 24; nothing wider than a 320-pixel view, which is 400 % zoom. */
async function sizes(page, width) {
  const url = page.url();
  await page.setViewportSize({ width, height: 640 });
  const found = await page.evaluate(() => {
    const box = (element) => element.getBoundingClientRect();
    const targets = [...document.querySelectorAll("a, button, input, select, textarea, summary")].filter((element) => !element.matches(".skip"));
    const small = targets.filter((element) => {
      const { width, height } = box(element);
      return element.checkVisibility() && (width < 23.99 || height < 23.99);
    });
    const wide = [...document.querySelectorAll("body *")].filter((element) => {
      // Shelves and tables scroll by themselves.
      if (element.closest(".shelf, svg, .scroll > table") || element.matches(".unseen, .skip")) return false;
      return box(element).right > document.documentElement.clientWidth + 1;
    });
    const words = (element) => element.outerHTML.slice(0, 120);
    return { small: small.map(words), wide: wide.map(words), scrolls: document.documentElement.scrollWidth > innerWidth };
  });
  for (const what of found.small) complain(`target below 24 × 24: ${url} at ${width}: ${what}`);
  for (const what of found.wide.slice(0, 3)) complain(`too wide: ${url} at ${width}: ${what}`);
  expect(!found.scrolls, `scrolls sideways: ${url} at ${width}`);
}

/** WCAG 1.4.12: nothing is cut off when the reader spaces the text. */
async function textSpacing(page, width) {
  const url = page.url();
  await page.setViewportSize({ width, height: 640 });
  const cut = await page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
      p { margin-block-end: 2em !important; }`);
    document.adoptedStyleSheets = [sheet];
    const clipped = [...document.querySelectorAll("main *, header *, footer *")].filter((element) => {
      if (element.closest("svg") || element.matches(".unseen, .shelf, .scroll, input, select, textarea")) return false;
      // What is longer is cut on purpose, and stands whole on the page it leads to.
      if (element.textContent.length > 60 && getComputedStyle(element).webkitLineClamp !== "none") return false;
      const style = getComputedStyle(element);
      const clips = style.overflowX !== "visible" || style.overflowY !== "visible";
      return clips && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1);
    });
    // A cover's lettering keeps its place on the cover.
    const spilled = [...document.querySelectorAll("svg.cover")].filter((cover) => {
      const frame = cover.getBoundingClientRect();
      return [...cover.querySelectorAll(":scope > g > text, :scope > text")].some((text) => {
        const box = text.getBoundingClientRect();
        return box.left < frame.left || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
      });
    });
    const words = (element) => element.outerHTML.slice(0, 160);
    return { clipped: clipped.map(words), spilled: spilled.length, scrolls: document.documentElement.scrollWidth > innerWidth };
  });
  for (const what of cut.clipped) complain(`text spacing: ${url} at ${width}: ${what}`);
  expect(!cut.spilled, `text spacing: ${url} at ${width}: ${cut.spilled} covers are too small for their lettering`);
  expect(!cut.scrolls, `text spacing: ${url} at ${width}: scrolls sideways`);
}

/** What is told by colour alone is lost where the reader chooses the colours. */
async function forcedColours() {
  const page = await open(SHOP + "/", { forcedColors: "active" });
  const state = await page.evaluate(() => {
    const style = (selector) => getComputedStyle(document.querySelector(selector));
    return {
      button: style(".button").borderTopStyle,
      field: style(".search input").borderTopStyle,
      cover: getComputedStyle(document.querySelector(".cover > path")).fill,
      ground: style("body").backgroundColor,
    };
  });
  expect(state.button === "solid" && state.field === "solid", "forced colours: no border");
  expect(state.cover !== state.ground, "forced colours: covers have vanished");
  await page.goto(SHOP + "/categories/classics?page=2");
  const current = await page.evaluate(() => getComputedStyle(document.querySelector("[aria-current]")).borderTopWidth);
  expect(parseFloat(current) >= 2, "forced colours: the current page is not marked");
  await page.keyboard.press("Tab");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  expect(outline === "solid", "forced colours: the focus is not marked");
  await close(page);
}

/** Results follow what is typed, in place, and are announced. */
async function liveSearch() {
  const page = await open(SHOP + "/search");
  const status = page.getByRole("status");
  await page.evaluate(() => (window.sameDocument = true));
  await page.getByRole("searchbox").pressSequentially("dune", { delay: 20 });
  await page.waitForURL("**/search?q=dune");
  expect(/^\d+ books? found for “dune”$/.test(await status.innerText()), "live search: the count is not announced");
  expect((await page.locator("#results .card").count()) > 0, "live search: no results in place");
  expect((await page.title()).startsWith("dune"), "live search: the title stays");
  await page.getByRole("searchbox").fill("xyzzyqwert");
  await page.waitForURL("**/search?q=xyzzyqwert");
  expect((await status.innerText()).startsWith("Nothing found"), "live search: nothing found is not announced");
  expect(await page.getByText("Check the spelling").isVisible(), "live search: no next step");
  // Answers that are overtaken are dropped: only the last word counts.
  let held = 0;
  await page.route("**/search?q=e*", async (route) => {
    if (held++ === 0) await new Promise((resolve) => setTimeout(resolve, 600));
    await route.continue().catch(() => {});
  });
  await page.getByRole("searchbox").fill("ender");
  await page.waitForTimeout(300);
  await page.getByRole("searchbox").fill("emma");
  await page.waitForURL("**/search?q=emma");
  await page.waitForTimeout(700);
  expect((await status.innerText()).includes("“emma”"), "live search: an old answer overtook a new one");
  await page.unrouteAll();
  await page.getByRole("searchbox").fill("");
  await page.waitForURL("**/search");
  await page.waitForFunction(() => document.getElementById("found").textContent === "");
  expect(await page.getByText("Type a title").isVisible(), "live search: an emptied field has no hint");
  expect(await page.evaluate(() => window.sameDocument), "live search: the page was loaded anew");
  expect((await page.evaluate(() => document.activeElement.id)) === "q", "live search: the focus moved");
  await close(page);
}

/** An answer that takes its time moves nothing, whether it is longer or shorter than the one before. */
async function slowSearch(viewport) {
  const page = await open(SHOP + "/search", { viewport });
  await page.evaluate(() => {
    window.shift = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
      if (!entry.hadRecentInput) window.shift += entry.value;
    })).observe({ type: "layout-shift", buffered: true });
  });
  await page.route("**/search?q=*", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 800));
    await route.continue().catch(() => {});
  });
  for (const query of ["dune", "the", "xyzzyqwert", "the Left hand of darkness by Ursula Le Guin and others who wrote"]) {
    await page.getByRole("searchbox").fill("");
    await page.getByRole("searchbox").pressSequentially(query.slice(-3));
    await page.getByRole("searchbox").fill(query);
    await page.waitForFunction((words) => document.getElementById("found").textContent.includes(words), query);
    await page.waitForTimeout(200);
    const shift = await page.evaluate(() => window.shift);
    expect(shift < STILL, `slow search for ${query} at ${viewport.width}: layout shift ${shift}`);
  }
  await close(page);
}

/** A search that fails says so in place of the results, and is made again without being asked. */
async function failingSearch() {
  const page = await open(SHOP + "/search?q=dune");
  const body = await (await fetch(DOWN + "/search?q=dracula")).text();
  let failed = 0;
  await page.route("**/search?q=dracula", (route) => {
    failed += 1;
    return route.fulfill({ status: 503, contentType: "text/html; charset=utf-8", body });
  });
  await page.getByRole("searchbox").fill("dracula");
  await page.waitForURL("**/search?q=dracula");
  expect(await page.locator("#results .notice").isVisible(), "failing search: no notice in place of the results");
  expect((await page.locator("#results .card").count()) === 0, "failing search: another query's results stay");
  expect((await page.getByRole("status").innerText()) === "We cannot reach our shelves", "failing search: not announced");
  expect((await page.title()).startsWith("We cannot reach"), "failing search: the title stays");
  await page.unrouteAll();
  await page.locator("#results .card").first().waitFor({ timeout: 10_000 });
  expect(failed === 1, `failing search: ${failed} tries at once`);
  expect((await page.getByRole("status").innerText()).includes("“dracula”"), "failing search: its end is not announced");
  expect((await page.title()).startsWith("dracula"), "failing search: the title stays after its end");
  await page.route("**/search?q=*", (route) => route.abort("internetdisconnected"));
  await page.getByRole("searchbox").fill("ender");
  await page.waitForURL("**/search?q=ender");
  expect(await page.getByText("Check your connection").isVisible(), "failing search: a broken connection is not told");
  await close(page);
}

/** Text that runs the other way stands where all text begins, and turns nothing around it. */
async function directions() {
  const page = await open(`${SMALL}/books/3`);
  const starts = await page.evaluate(() => ["h1 > bdi", ".byline", "dl"].map((what) =>
    Math.round(document.querySelector(what).getBoundingClientRect().left)));
  expect(new Set(starts).size === 1, `directions: a book's lines begin at ${starts}`);
  const authors = await page.locator(".byline bdi").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().left));
  expect(authors[0] < authors[1], "directions: an override turns the authors around");
  await page.goto(`${SMALL}/categories/manga`);
  const cards = await page.evaluate(() => [...document.querySelectorAll(".wall .book")].map((book) =>
    Math.round(book.querySelector(".name > bdi").getBoundingClientRect().left - book.getBoundingClientRect().left)));
  expect(cards.length === 3 && cards.every((offset) => offset === 0), `directions: titles begin at ${cards}`);
  const heights = await page.locator(".wall .book").evaluateAll((all) => all.map((one) => one.offsetHeight - one.querySelector("svg").getBoundingClientRect().height));
  expect(Math.max(...heights) < 150, `long names: a card's words are ${Math.max(...heights)} high`);
  await close(page);
}

/** Nothing moves once it is shown. */
async function stands(url, viewport, options = {}) {
  const context = await browser.newContext({ viewport, ...options });
  const fresh = await context.newPage();
  await fresh.addInitScript(() => {
    window.shift = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.shift += entry.value)))
      .observe({ type: "layout-shift", buffered: true });
  });
  await fresh.goto(url, { waitUntil: "networkidle" });
  const shift = await fresh.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(window.shift), 100))));
  expect(shift < STILL, `layout shift ${shift}: ${url} at ${viewport.width}`);
  await context.close();
}

/** A page that comes in two pieces stands still, too, wherever it is cut. */
async function pieces(path, viewport) {
  const html = await (await fetch(SHOP + path)).text();
  for (const cut of ["</form>\n<nav", "For you</a>", "<footer", "</p>\n<p>No adv"]) {
    const at = html.indexOf(cut) + cut.indexOf(">") + 1;
    expect(html.includes(cut), `${path} has no ${cut}`);
    const server = createServer(async (request, response) => {
      const answer = await fetch(SHOP + request.url);
      response.setHeader("content-type", answer.headers.get("content-type"));
      if (request.url !== path) return response.end(Buffer.from(await answer.arrayBuffer()));
      response.write(html.slice(0, at));
      setTimeout(() => response.end(html.slice(at)), 200);
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    await stands(`http://127.0.0.1:${server.address().port}${path}`, viewport);
    server.closeAllConnections();
    server.close();
  }
}

/** Everything that a first visit to the home page moves over the wire. */
async function weight() {
  const context = await browser.newContext({ viewport: DESKTOP });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  let bytes = 0;
  let requests = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => { bytes += encodedDataLength; requests += 1; });
  await session.send("Network.enable");
  await page.goto(SHOP + "/", { waitUntil: "networkidle" });
  // Headless Chromium asks for no icon; a reader's browser does.
  bytes += (await (await fetch(SHOP + "/favicon.svg")).arrayBuffer()).byteLength + 1000;
  console.log(`home: ${bytes} bytes in ${requests} requests and an icon`);
  expect(requests >= 3 && bytes < 60_000, `home weighs ${bytes} bytes in ${requests} requests`);
  await context.close();
}

/** From the first star to being forgotten. Returns the cookies of before that. */
async function reader(javaScriptEnabled, options = {}) {
  const name = `reader ${javaScriptEnabled ? "with" : "without"} script at ${options.viewport?.width ?? 1280}`;
  const { erase, ...looks } = options;
  const page = await open(`${SHOP}/welcome`, { javaScriptEnabled, ...looks });
  const list = () => page.locator("#so-far-list [data-book]").evaluateAll((all) => all.map((one) => one.dataset.book).join());
  const same = () => page.evaluate(() => { window.sameDocument = true; });
  const stayed = async (what) => {
    if (!javaScriptEnabled) return;
    expect(await page.evaluate(() => window.sameDocument), `${name}: ${what} loads the page anew`);
    expect((await page.locator("p.unseen[role=status]").innerText()).length > 0, `${name}: ${what} is not announced`);
  };
  await same();
  const lists = [await list()];
  const known = await page.locator("#known form").evaluateAll((all) => all.slice(0, 5).map((form) => form.id));
  for (const [place, id] of known.entries()) {
    const star = page.locator(`#${id} input[value="${place === 1 ? 2 : 5}"]`);
    await star.check();
    if (!javaScriptEnabled) await page.locator(`#${id} .save`).click();
    const words = place < 4 ? `${place + 1} of 5` : "5 books: that is enough";
    await page.locator("#progress b", { hasText: words }).waitFor({ timeout: 8_000 });
    expect(await star.isChecked(), `${name}: the star does not stay`);
    lists.push(await list());
  }
  // Which of the stars move it depends on the books that were offered.
  expect(new Set(lists).size >= 2 && lists.at(-1) !== lists[0], `${name}: the list does not change: ${lists.join(" | ")}`);
  await stayed("a star");
  expect(await page.getByText("Because you liked").first().isVisible(), `${name}: no reasons`);
  await page.getByRole("link", { name: "See your list" }).click();
  await page.waitForURL("**/for-you");

  await same();
  const first = page.locator(".pick").first();
  const title = await first.locator(".name").innerText();
  await first.getByRole("button", { name: "Not for me" }).click();
  await page.getByText(`We will not suggest ${title} again.`).first().waitFor({ timeout: 8_000 });
  expect((await page.locator(".pick .name").allInnerTexts()).includes(title) === false, `${name}: what is not for me stays`);
  await stayed("not for me");
  if (javaScriptEnabled) {
    expect(await page.evaluate(() => document.activeElement !== document.body), `${name}: the focus is lost`);
  }
  await page.getByRole("button", { name: `Undo what you said of ${title}` }).click();
  await page.getByText(`You took back what you said of ${title}.`).first().waitFor({ timeout: 8_000 });

  await page.goto(`${SHOP}/books/${known.includes("quick-6") ? 5 : 6}`);
  await same();
  const stars = page.getByRole("group", { name: /Your stars/ });
  const half = stars.getByRole("radio", { name: "3½ stars" });
  if (javaScriptEnabled) {
    // By keys: each press moves a half, and the last one counts.
    await stars.getByRole("radio").first().focus();
    for (let press = 0; press < 6; press++) await page.keyboard.press("ArrowRight");
  } else {
    await half.check();
    await page.getByRole("button", { name: "Save stars" }).click();
  }
  await page.getByText("You gave it 3½ stars.").first().waitFor({ timeout: 8_000 });
  expect(await half.isChecked(), `${name}: half stars are not kept`);
  await stayed("half a star");
  if (javaScriptEnabled) {
    expect((await page.evaluate(() => document.activeElement.value)) === "3.5", `${name}: the focus leaves the stars`);
  }
  for (const button of ["Want to read", "I own it"]) {
    await page.getByRole("button", { name: button, exact: true }).click();
    await page.locator(`.chip[aria-pressed=true]`, { hasText: button }).waitFor({ timeout: 8_000 });
  }
  await page.getByRole("button", { name: "Want to read", exact: true }).click();
  await page.locator(`.chip[aria-pressed=false]`, { hasText: "Want to read" }).waitFor({ timeout: 8_000 });

  await page.getByRole("link", { name: "My books" }).first().click();
  await page.waitForURL("**/my-books");
  expect((await page.locator(".row").count()) === 6, `${name}: not six books`);
  await page.getByRole("link", { name: /^Owned/ }).click();
  await page.waitForURL("**/my-books?part=owned");
  expect((await page.locator(".row").count()) === 1, `${name}: not one that is owned`);
  await page.getByRole("button", { name: /^Remove/ }).click();
  await page.getByText("There is nothing on this shelf").waitFor({ timeout: 8_000 });
  await page.goto(`${SHOP}/`);
  expect(await page.getByRole("heading", { name: "For you" }).isVisible(), `${name}: no shelf of their own`);

  await page.goto(`${SHOP}/my-books/import`);
  const file = "Book Id,Title,Author,My Rating,Exclusive Shelf\n1,The Maltese Falcon,Dashiell Hammett,4,read\n2,Nobody Has This,N. N.,4,read\n";
  await page.setInputFiles("#file", { name: "library.csv", mimeType: "text/csv", buffer: Buffer.from(file) });
  await page.getByRole("button", { name: "Bring them in" }).click();
  await page.getByText("1 book is now among yours").waitFor({ timeout: 10_000 });
  expect(await page.getByText("Nobody Has This").isVisible(), `${name}: what is missing is not listed`);
  const left = page.getByRole("link", { name: "Download what is left to mend" });
  const [download] = await Promise.all([page.waitForEvent("download"), left.click()]);
  const saved = readFileSync(await download.path(), "utf8");
  const row = "2,Nobody Has This,N. N.,4,read,line 3: the catalogue has no such book: Nobody Has This by N. N.";
  expect(saved === `Book Id,Title,Author,My Rating,Exclusive Shelf,reason\n${row}\n`, `${name}: the file says ${saved}`);
  expect(download.suggestedFilename() === "to-mend.csv", `${name}: the file is called ${download.suggestedFilename()}`);
  // Without script axe does not run, either.
  if (javaScriptEnabled) await page.evaluate(axe);
  const { violations } = javaScriptEnabled ? await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] })) : { violations: [] };
  for (const { id, nodes } of violations) complain(`${name}: imported: axe: ${id}: ${nodes[0].html.slice(0, 200)}`);

  await page.goto(`${SHOP}/my-books/import`);
  const mended = saved.replace("Nobody Has This,N. N.", "Murder on the Orient Express,Agatha Christie");
  await page.setInputFiles("#file", { name: "to-mend.csv", mimeType: "text/csv", buffer: Buffer.from(mended) });
  await page.getByRole("button", { name: "Bring them in" }).click();
  await page.getByText("1 book is now among yours").waitFor({ timeout: 10_000 });
  expect((await left.count()) === 0, `${name}: something is left to mend`);

  const state = await page.context().storageState();
  for (const { httpOnly, sameSite, name: cookie } of state.cookies) {
    expect(httpOnly && sameSite === "Lax", `${name}: cookie ${cookie}`);
  }
  if (erase) {
    await page.goto(`${SHOP}/my-books`);
    await page.getByRole("link", { name: "Erase everything" }).click();
    await page.getByRole("button", { name: "Erase everything" }).click();
    await page.waitForURL("**/my-books/erased");
    expect((await page.context().cookies()).length === 0, `${name}: cookies stay`);
    await page.goto(`${SHOP}/my-books`);
    expect(await page.getByText("Nothing is here yet").isVisible(), `${name}: something is left`);
  }
  await close(page);
  return state;
}

/** A long file: how far it is shows while it is worked on; without script, what it came to. */
async function upload(javaScriptEnabled) {
  const name = `upload ${javaScriptEnabled ? "with" : "without"} script`;
  const page = await open(`${SHOP}/my-books/import`, { javaScriptEnabled });
  let file = "Book Id,Title,Author,My Rating,Exclusive Shelf\n";
  const ROWS = 200_000;
  for (let row = 0; row < ROWS; row++) file += `${row},A book that nobody has written yet ${row},Nobody At All,3,read\n`;
  file += `${ROWS},The Maltese Falcon,Dashiell Hammett,4,read\n`;
  await page.setInputFiles("#file", { name: "long.csv", mimeType: "text/csv", buffer: Buffer.from(file) });
  if (javaScriptEnabled) {
    await page.evaluate(() => {
      window.seen = { words: [], shares: [] };
      const going = document.querySelector(".going");
      const note = () => {
        window.seen.words.push(going.querySelector("[role=status]").textContent);
        window.seen.shares.push(going.querySelector("progress").value);
      };
      new MutationObserver(note).observe(going, { subtree: true, childList: true, characterData: true, attributes: true });
    });
  }
  await page.getByRole("button", { name: "Bring them in" }).click();
  if (javaScriptEnabled) {
    await page.locator(".going progress").waitFor({ timeout: 5_000 });
    expect(await page.getByRole("button", { name: "Bring them in" }).isDisabled(), `${name}: it can be sent twice at a time`);
  }
  await page.getByText("1 book is now among yours").waitFor({ timeout: 60_000 });
  expect(await page.getByText("200,000 we do not have on our shelves").isVisible(), `${name}: not all rows are counted`);
  if (javaScriptEnabled) {
    const { words, shares } = await page.evaluate(() => window.seen);
    const read = words.map((text) => /^([\d,]+) lines read, /.exec(text)?.[1]).filter(Boolean).map((text) => Number(text.replaceAll(",", "")));
    const during = new Set(read.filter((rows) => rows > 0 && rows <= ROWS));
    expect(during.size >= 3 && read.every((rows, place) => place === 0 || rows >= read[place - 1]), `${name}: how far it is: ${read.join(" ")}`);
    expect(new Set(shares).size >= 3, `${name}: the bar stands at ${[...new Set(shares)].join(" ")}`);
    expect(await page.evaluate(() => document.activeElement.id === "imported"), `${name}: the focus is not on what it came to`);
  }
  await close(page);
}

/** What cannot be saved is not lost without a word. */
async function unsaved(storageState) {
  const page = await open(`${SHOP}/books/9`, { storageState });
  await page.route("**/books/9/opinion", (route) => route.abort("internetdisconnected"));
  await page.locator(".mine input[value='4']").check();
  await page.getByText("this is not saved").first().waitFor({ timeout: 8_000 });
  await page.unrouteAll();
  await page.getByRole("button", { name: "I own it" }).click();
  await page.locator(`.chip[aria-pressed=true]`, { hasText: "I own it" }).waitFor({ timeout: 8_000 });
  await close(page);
}

/** A picture goes in and comes out without its colours; then another function looks at the same one. Returns where. */
async function studio(javaScriptEnabled, options = {}) {
  const name = `studio ${javaScriptEnabled ? "with" : "without"} script at ${options.viewport?.width ?? 1280}`;
  const page = await open(`${STUDIO}/`, { javaScriptEnabled, ...options });
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Studio" }).click();
  await page.getByRole("heading", { level: 1, name: "Cover studio" }).waitFor();
  await page.evaluate(() => {
    window.sameDocument = true;
    window.words = [];
    const going = document.querySelector(".going [role=status]");
    new MutationObserver(() => window.words.push(going.textContent)).observe(going, { childList: true, characterData: true, subtree: true });
  });
  const send = () => page.getByRole("button", { name: "Show me" }).click();
  const result = /\/studio\/[0-9a-f]{32}$/;

  await page.setInputFiles("#picture", { name: "cover.png", mimeType: "image/png", buffer: Buffer.from("no picture at all") });
  await send();
  await page.getByRole("alert").getByText("This file is no picture that we know.").waitFor();
  if (javaScriptEnabled) {
    expect(await page.evaluate(() => window.sameDocument && document.activeElement.id === "trouble"), `${name}: the focus is not on the trouble`);
    await page.setInputFiles("#picture", { name: "long.png", mimeType: "image/png", buffer: Buffer.alloc(9_000_000) });
    await page.getByRole("alert").getByText("larger than 8 MB").waitFor();
    // What takes too long can be stopped, and sent again.
    await page.setInputFiles("#picture", PICTURE);
    await page.locator(".drop canvas").waitFor();
    expect((await page.getByRole("alert").count()) === 0, `${name}: the trouble stays`);
    await page.route("**/studio", () => {});
    await send();
    await page.getByRole("button", { name: "Stop" }).click();
    expect(await page.getByRole("button", { name: "Show me" }).isEnabled(), `${name}: it cannot be sent again`);
    await page.unrouteAll();
    // Dropped instead of chosen.
    await page.setInputFiles("#picture", []);
    await page.locator(".drop canvas").waitFor({ state: "hidden" });
    await page.evaluate((base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
      for (const type of ["dragover", "drop"]) {
        document.querySelector(".choices").dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
      }
      const going = document.querySelector(".going [role=status]");
      new MutationObserver(() => window.words.push(going.textContent)).observe(going, { childList: true, characterData: true, subtree: true });
    }, readFileSync(PICTURE).toString("base64"));
    await page.locator(".drop canvas").waitFor();
  } else {
    await page.setInputFiles("#picture", PICTURE);
  }

  await page.getByRole("radio", { name: /^Grayscale/ }).check();
  await send();
  await page.waitForURL(result, { timeout: 20_000 });
  const first = page.url();
  const seen = await page.locator(".pane img").evaluateAll((all) => Promise.all(all.map(async (image) => {
    await image.decode();
    const canvas = document.createElement("canvas");
    const [width, height] = [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    let coloured = 0;
    for (let at = 0; at < data.length; at += 4) coloured += data[at] !== data[at + 1] || data[at] !== data[at + 2];
    return { width, height, coloured };
  })));
  const [before, after] = seen;
  expect(seen.length === 2 && before.width === 1200 && after.width === 1200 && after.height === before.height, `${name}: sizes: ${JSON.stringify(seen)}`);
  expect(before.coloured > 1000 && after.coloured === 0, `${name}: colours: ${JSON.stringify(seen)}`);
  if (javaScriptEnabled) {
    const { words, same, focus } = await page.evaluate(() => ({ words: window.words, same: window.sameDocument, focus: document.activeElement.id }));
    expect(words.includes("Sending the picture") && words.includes("Grayscale is at work"), `${name}: progress: ${words.join(" | ")}`);
    expect(same && focus === "tried", `${name}: the focus is not on the result`);
  }
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Keep it" }).click()]);
  expect(download.suggestedFilename() === "grayscale.png", `${name}: the file is called ${download.suggestedFilename()}`);

  // The same picture, without sending it again.
  await page.getByRole("radio", { name: /^Greet/ }).check();
  await send();
  await page.waitForURL((url) => result.test(url.pathname) && url.href !== first);
  await page.getByText("Hello, world!").waitFor();
  const second = page.url();
  await page.goBack();
  await page.waitForURL(first);
  await page.getByRole("img", { name: "What Grayscale made of it" }).waitFor();
  await close(page);
  return [first, second];
}

/** The page of functions is looked at and used without a script of its own. */
async function functionsPage(javaScriptEnabled) {
  const name = `functions ${javaScriptEnabled ? "with" : "without"} script`;
  const page = await open(`${FUNCTIONS}/functions`, { javaScriptEnabled });
  expect((await page.getByRole("row", { name: /^grayscale answers/ }).count()) === 1, `${name}: grayscale is not listed`);
  expect((await page.getByRole("row", { name: /^broken / }).innerText()).includes("nothing"), `${name}: what is refused is not listed`);
  await page.getByRole("link", { name: "hello", exact: true }).click();
  const form = page.getByRole("form", { name: "Call hello with a query" });
  await form.getByRole("textbox", { name: "name" }).fill("Ada & Bob");
  await form.getByRole("button", { name: "Call it" }).click();
  await page.waitForURL(/\/hello\?name=Ada/);
  expect((await page.innerText("body")).includes("Hello, Ada & Bob!"), `${name}: the query's answer is ${await page.innerText("body")}`);
  await page.goBack();
  const open_ = async (what) => {
    const part = page.locator("details", { has: page.locator("h3", { hasText: what }) });
    if (!(await part.evaluate((details) => details.open))) await part.locator("summary").click();
  };
  await open_("hello");
  const json = page.getByRole("form", { name: "Send JSON to hello" });
  await json.getByRole("textbox", { name: "JSON" }).fill('{"name": "Eve"}');
  await json.getByRole("button").click();
  await page.waitForURL("**/functions/hello/try");
  expect((await page.innerText("body")).includes("Hello, Eve!"), `${name}: JSON's answer is ${await page.innerText("body")}`);
  await page.goto(`${FUNCTIONS}/functions`);
  await open_("grayscale");
  const file = page.getByRole("form", { name: "Send a file to grayscale" });
  await file.locator("input").setInputFiles(PICTURE);
  const [answer] = await Promise.all([page.waitForResponse("**/functions/grayscale/try"), file.getByRole("button", { name: "Send it" }).click()]);
  const head = await answer.allHeaders();
  expect(head["content-type"] === "image/png" && head["content-security-policy"] === "sandbox", `${name}: a file's answer: ${JSON.stringify(head)}`);
  await close(page);
}

/** Signs in, by keys alone, and returns what the browser then holds. */
async function operator(javaScriptEnabled) {
  const name = `operator ${javaScriptEnabled ? "with" : "without"} script`;
  const page = await open(`${DESK}/operators/jobs`, { javaScriptEnabled });
  expect(new URL(page.url()).pathname === "/operators/sign-in", `${name}: not asked for the token`);
  const field = page.getByLabel("Token");
  await field.fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  expect((await field.inputValue()) === "" && (await field.getAttribute("aria-invalid")) === "true", `${name}: a wrong token`);
  await field.fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/operators/jobs");
  const state = await page.context().storageState();
  expect(state.cookies.every(({ httpOnly, sameSite }) => httpOnly && sameSite === "Strict"), `${name}: a cookie that others see`);

  // A job goes to its end before the reader's eyes, and says so.
  await page.evaluate(() => { window.sameDocument = true; });
  await page.getByLabel("Train", { exact: true }).selectOption("blend");
  await page.getByLabel("let it answer even if it is worse").check();
  await page.getByRole("button", { name: "Train" }).click();
  await page.getByText(/^Job \d+ is scheduled: it trains blend\.$/).waitFor();
  const job = /\d+/.exec(await page.getByText(/^Job \d+ is scheduled/).innerText())[0];
  const work = page.locator("#work");
  if (javaScriptEnabled) {
    await page.evaluate(() => { window.sameDocument = true; scrollTo(0, 120); });
    const top = await page.evaluate(() => scrollY);
    const cancel = work.getByRole("button", { name: `Cancel job ${job}` });
    const focused = await cancel.focus({ timeout: 2_000 }).then(() => true, () => false);
    await work.getByRole("rowheader", { name: job, exact: true }).waitFor({ timeout: 60_000 });
    expect(await page.evaluate(() => window.sameDocument), `${name}: the page is loaded anew`);
    expect((await page.evaluate(() => scrollY)) <= top, `${name}: the page jumps`);
    if (focused) expect(await page.evaluate(() => document.activeElement !== document.body), `${name}: the focus is lost`);
    const said = await page.locator("p.told[role=status]").innerText();
    expect(said.startsWith(`Job ${job}: Succeeded.`), `${name}: the end is not announced: ${said}`);
  } else {
    const follow = page.getByRole("link", { name: "let the page ask again by itself" });
    if (await follow.isVisible()) {
      await follow.click();
      await page.waitForURL(/follow=yes/);
    }
    await work.getByRole("rowheader", { name: job, exact: true }).waitFor({ timeout: 60_000 });
  }
  for (const [link, heading] of [["Models", "Models"], ["Ratings", "Ratings"], ["Variants", "Variants"], ["Jobs", "Jobs"]]) {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: link }).click();
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
  }
  await page.getByRole("link", { name: "Models" }).click();
  await page.getByRole("button", { name: /^Activate / }).last().click();
  await page.getByText(/ answers now\.$/).waitFor();
  await page.getByRole("button", { name: "Roll back to the model before" }).click();
  await page.getByText(/ answers again\.$/).waitFor();
  await page.getByRole("link", { name: "Ratings" }).click();
  await page.getByText("The numbers").press("Enter");
  expect(await page.getByRole("rowheader").first().isVisible(), `${name}: no numbers behind the plot`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are signed out in this browser.").waitFor();
  await close(page);
  return state;
}

/** Marks differ by shape, words stand at their lines, and nothing lies outside of its frame. */
async function plots(storageState) {
  const page = await open(`${DESK}/operators`, { storageState });
  for (const width of [320, 768, 1280, 1920]) {
    await page.setViewportSize({ width, height: 800 });
    const off = await page.evaluate(() => [...document.querySelectorAll(".frame")].flatMap((frame) => {
      const plot = frame.querySelector(".plot").getBoundingClientRect();
      const middle = (element) => { const { top, bottom } = element.getBoundingClientRect(); return (top + bottom) / 2; };
      const ticks = [...frame.querySelectorAll(".ticks li")];
      return ticks.map((tick, place) => Math.abs(middle(tick) - (plot.top + (plot.height * place) / (ticks.length - 1))));
    }));
    expect(off.length >= 12 && Math.max(...off) < 1.5, `plots: ticks are ${Math.max(...off)} off their lines at ${width}`);
  }
  await close(page);
}

/** Two at a time. */
const each = async (list, work) => {
  const left = [...list];
  const worker = async () => {
    while (left.length) await work(left.shift());
  };
  await Promise.all([worker(), worker()]);
};

const check = async (name, work) => {
  const start = Date.now();
  try {
    await work();
  } catch (error) {
    complain(`${name}: ${error.stack ?? error}`);
  }
  console.log(`${name}: ${Date.now() - start} ms`);
};

await check("journey with script", () => journey(true));
await check("journey without script", () => journey(false));
const LOOKS = [PHONE, DESKTOP].flatMap((viewport) => ["light", "dark"].map((colorScheme) => ({ viewport, colorScheme })));
let known;
await check("reader with script", async () => { known = await reader(true); });
await check("reader without script", () => reader(false, { erase: true }));
await check("reader on a phone", () => reader(true, { viewport: PHONE, erase: true, colorScheme: "dark" }));
await check("unsaved", () => unsaved(known));
await check("axe", () => each(PAGES, (page) => accessible(page, LOOKS)));
const OWN = ["/", "/for-you", "/welcome", "/my-books", "/my-books?part=reading", "/my-books/erase", "/books/6"].map((page) => SHOP + page);
await check("axe for a reader", () => each(OWN, (page) => accessible(page, LOOKS, { storageState: known })));
await check("axe with forced colours", () => accessible(SHOP + "/", [{ forcedColors: "active" }]));
await check("keyboard", async () => {
  for (const page of ["/", "/books/1", "/search?q=dune", "/categories/classics?page=2"]) await keyboard(SHOP + page, DESKTOP);
  await keyboard(SHOP + "/", PHONE);
  await keyboard(`${DOWN}/`, PHONE);
  for (const page of OWN.slice(0, 4)) await keyboard(page, DESKTOP, { storageState: known });
  await keyboard(OWN[0], PHONE, { storageState: known });
});
await check("sizes and text spacing", () => each([...PAGES.map((url) => [url]), ...OWN.map((url) => [url, { storageState: known }])], async ([url, options]) => {
  const page = await open(url, options);
  for (const width of [320, 390, 768, 1280, 1920]) await sizes(page, width);
  for (const width of [320, 1280]) await textSpacing(page, width);
  await close(page);
}));
await check("forced colours", forcedColours);
await check("live search", liveSearch);
await check("slow search", () => each([PHONE, DESKTOP], slowSearch));
await check("failing search", failingSearch);
await check("directions", directions);
await check("uploads", () => each([true, false], upload));
await check("layout shift", async () => {
  for (const page of ["/", "/books/1", "/search?q=dune", "/categories/classics"]) {
    for (const viewport of [PHONE, DESKTOP]) await stands(SHOP + page, viewport);
  }
  for (const page of OWN) {
    for (const viewport of [PHONE, DESKTOP]) await stands(page, viewport, { storageState: known });
  }
});
await check("pages in pieces", () => pieces("/my-books", PHONE));
let desk;
await check("operator with script", async () => { desk = await operator(true); });
await check("operator without script", () => operator(false));
const DESKS = ["/operators", "/operators/jobs", "/operators/ratings", "/operators/variants", "/operators/nowhere"].map((page) => DESK + page);
const DOORS = [`${DESK}/operators/sign-in`, `${DOWN}/operators`];
await check("axe for operators", async () => {
  await each(DESKS, (page) => accessible(page, LOOKS, { storageState: desk }));
  await each(DOORS, (page) => accessible(page, LOOKS));
  await accessible(DESKS[0], [{ forcedColors: "active" }], { storageState: desk });
});
await check("keyboard for operators", async () => {
  for (const page of DESKS.slice(0, 4)) await keyboard(page, DESKTOP, { storageState: desk });
  await keyboard(DESKS[0], PHONE, { storageState: desk });
  await keyboard(DOORS[0], PHONE);
});
await check("sizes for operators", () => each([...DESKS.map((url) => [url, { storageState: desk }]), ...DOORS.map((url) => [url])], async ([url, options]) => {
  const page = await open(url, options);
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
  for (const width of [320, 390, 768, 1280, 1920]) await sizes(page, width);
  for (const width of [320, 1280]) await textSpacing(page, width);
  await close(page);
}));
await check("plots", () => plots(desk));
await check("layout shift for operators", async () => {
  for (const page of DESKS.slice(0, 4)) {
    for (const viewport of [PHONE, DESKTOP]) await stands(page, viewport, { storageState: desk });
  }
});
if (STUDIO) {
  let results = [];
  await check("studio with script", async () => { results = await studio(true); });
  await check("studio without script", () => studio(false));
  await check("studio on a phone", () => studio(true, { viewport: PHONE, colorScheme: "dark" }));
  const STUDIOS = [`${STUDIO}/studio`, `${DOWN}/studio`, `${STUDIO}/studio/gone`, ...results];
  await check("axe for the studio", () => each(STUDIOS, (page) => accessible(page, LOOKS)));
  await check("keyboard for the studio", async () => {
    for (const page of [STUDIOS[0], ...results]) await keyboard(page, DESKTOP);
    await keyboard(STUDIOS[0], PHONE);
  });
  await check("functions with script", () => functionsPage(true));
  await check("functions without script", () => functionsPage(false));
  const LIST = `${FUNCTIONS}/functions`;
  await check("axe for functions", async () => {
    await accessible(LIST, LOOKS);
    await accessible(LIST, [{ forcedColors: "active" }]);
  });
  await check("keyboard for functions", async () => {
    await keyboard(LIST, DESKTOP);
    await keyboard(LIST, PHONE);
  });
  await check("sizes for studio and functions", () => each([...STUDIOS, LIST], async (url) => {
    const page = await open(url);
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
    if (url === LIST) {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
      for (const { id, nodes } of violations) complain(`${url}, all open: axe: ${id}: ${nodes[0].html.slice(0, 200)}`);
    }
    for (const width of [320, 390, 768, 1280, 1920]) await sizes(page, width);
    for (const width of [320, 1280]) await textSpacing(page, width);
    await close(page);
  }));
  await check("layout shift for studio and functions", async () => {
    for (const page of [...STUDIOS, LIST]) {
      for (const viewport of [PHONE, DESKTOP]) await stands(page, viewport);
    }
  });
}
await check("weight", weight);

await browser.close();
if (complaints.length) {
  console.error([...new Set(complaints)].join("\n"));
  process.exitCode = 1;
}
