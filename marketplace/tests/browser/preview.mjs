// Draws static/preview.png, the picture that is shown where somebody shares a link, with covers of a shop that is running:
//
//   CHROMIUM=/usr/bin/chromium SHOP=http://127.0.0.1:5000 node marketplace/tests/browser/preview.mjs
//
// Services that show previews take PNG and hardly any SVG, so this is made once and kept. P052 and Noto Sans must be
// installed: they are what the storefront's style falls back to.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import path from "node:path";
import zlib from "node:zlib";

const here = path.dirname(fileURLToPath(import.meta.url));
const modules = process.env.SHELFWISE_BROWSER_MODULES ?? path.join(here, "node_modules");
const { chromium } = createRequire(path.join(modules, "anything.js"))("playwright-core");
const { CHROMIUM, SHOP, OUT = path.join(here, "../../static/preview.png") } = process.env;
const [WIDTH, HEIGHT, MOST] = [1200, 630, 60_000];

// Books of the sample catalogue as they stand on the shelf, each with its left edge; the last one leans, as in the mark.
const BOOKS = [{ id: 1, left: 568 }, { id: 73, left: 766 }, { id: 381, left: 998, lean: -8 }];

const covers = await Promise.all(BOOKS.map(async ({ id, left, lean = 0 }) => {
  const cover = await (await fetch(`${SHOP}/covers/${id}.svg`)).text();
  return `<div class="book" style="left: ${left}px; rotate: ${lean}deg">${cover}</div>`;
}));
const page = `<!doctype html><meta charset="utf-8"><style>
  * { margin: 0; }
  body { width: ${WIDTH}px; height: ${HEIGHT}px; overflow: hidden; background: #faf6ee; color: #1d1a16; }
  .mark { position: absolute; left: 70px; top: 78px; display: flex; align-items: center; gap: 15px; font: 600 42px/1 P052; letter-spacing: -.01em; }
  .mark svg { width: 46px; height: 46px; }
  h1 { position: absolute; left: 68px; top: 208px; font: 600 78px/1.06 P052; letter-spacing: -.02em; white-space: nowrap; }
  p { position: absolute; left: 72px; top: 408px; font: 400 28px/1.45 "Noto Sans"; color: #5d554a; white-space: nowrap; }
  .book { position: absolute; top: 224px; transform-origin: 0 100%; }
  .book svg { display: block; width: 192px; height: 288px; border-radius: 4px; }
  .board { position: absolute; left: 528px; right: 0; top: 512px; height: 18px; background: #1f5c4a; }
  .foot { position: absolute; left: 528px; right: 0; top: 530px; height: 7px; background: #e3dac8; }
</style>
<div class="mark"><svg viewBox="0 0 20 20"><rect fill="#1f5c4a" x="1" y="3" width="4.2" height="14" rx=".8"/><rect fill="#1d1a16" x="6.6" y="1" width="4.2" height="16" rx=".8"/><rect fill="#c0801f" x="12.6" y="3.6" width="4.2" height="13.6" rx=".8" transform="rotate(-11 14.7 17)"/></svg>Shelfwise</div>
<h1>Good books,<br>well shelved.</h1>
<p>Browse the shelves, or see<br>where a cover takes you.</p>
${covers.join("")}
<div class="board"></div><div class="foot"></div>`;

/** The pixels of the page, four bytes each. */
async function draw() {
  const browser = await chromium.launch({
    executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-lcd-text"],
  });
  try {
    const tab = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });
    await tab.setContent(page);
    await tab.evaluate(() => document.fonts.ready);
    const picture = (await tab.screenshot({ type: "png" })).toString("base64");
    const pixels = await tab.evaluate(async (picture) => {
      const image = new Image();
      image.src = `data:image/png;base64,${picture}`;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
      canvas.drawImage(image, 0, 0);
      return Array.from(canvas.getImageData(0, 0, image.width, image.height).data);
    }, picture);
    return Uint8Array.from(pixels);
  } finally {
    await browser.close();
  }
}

/** A PNG with a palette of the 256 most frequent colours; the others, at the edges of letters, take the nearest. */
function encode(pixels) {
  const count = new Map();
  const at = (place) => (pixels[place] << 16) | (pixels[place + 1] << 8) | pixels[place + 2];
  for (let place = 0; place < pixels.length; place += 4) count.set(at(place), (count.get(at(place)) ?? 0) + 1);
  const palette = [...count].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 256).map(([colour]) => colour);
  const distance = (a, b) => [16, 8, 0].reduce((sum, bits) => sum + (((a >> bits) & 255) - ((b >> bits) & 255)) ** 2, 0);
  const nearest = new Map();
  for (const colour of count.keys()) {
    let best = 0;
    palette.forEach((other, index) => { if (distance(colour, other) < distance(colour, palette[best])) best = index; });
    nearest.set(colour, best);
  }
  const rows = Buffer.alloc((WIDTH + 1) * HEIGHT); // each row begins with its filter: none
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) rows[y * (WIDTH + 1) + 1 + x] = nearest.get(at((y * WIDTH + x) * 4));
  }
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
    const frame = Buffer.alloc(body.length + 8);
    frame.writeUInt32BE(data.length, 0);
    body.copy(frame, 4);
    frame.writeUInt32BE(crc(body), body.length + 4);
    return frame;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(WIDTH, 0);
  head.writeUInt32BE(HEIGHT, 4);
  head.set([8, 3], 8); // eight bits, palette
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head),
    chunk("PLTE", Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]))),
    chunk("IDAT", zlib.deflateSync(rows, { level: 9, memLevel: 9 })), chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** PNG's checksum. */
function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

const picture = encode(await draw());
if (picture.length > MOST) throw new Error(`${picture.length} bytes, more than ${MOST}`);
writeFileSync(OUT, picture);
console.log(`${OUT}: ${picture.length} bytes`);
