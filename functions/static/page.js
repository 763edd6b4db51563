// Sends a picture to a function and shows what comes back. Where the service says which functions take pictures, these are offered;
// elsewhere the two that are known by the header `api` at /api/hello.

(() => {
  const find = (id) => document.getElementById(id);
  const form = find("form");
  const file = find("file");
  const drop = find("drop");
  const send = find("send");
  const stop = find("stop");
  const going = find("going");
  const trouble = find("trouble");
  const outcome = find("outcome");
  const before = find("before");
  const after = find("after");
  const save = find("save");

  // The most functions that are offered.
  const MOST = 50;

  find("off").hidden = true;

  let request = null;
  const addresses = new Map();

  // Shows a picture in a figure; the one before it is let go.
  const show = (figure, picture) => {
    const old = addresses.get(figure);
    if (old) URL.revokeObjectURL(old);
    addresses.delete(figure);
    figure.hidden = !picture;
    if (!picture) return;
    const address = URL.createObjectURL(picture);
    addresses.set(figure, address);
    figure.querySelector("img").src = address;
  };

  const complain = (words) => {
    trouble.textContent = words;
    trouble.hidden = !words;
  };

  const clear = () => {
    complain("");
    outcome.textContent = "";
    show(after, null);
  };

  const busy = (is) => {
    send.disabled = is;
    stop.hidden = !is;
    going.hidden = !is;
  };

  const NAMED = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  const text = (html) =>
    html
      .replace(/<(script|style)\b[^]*?<\/\1\s*>/gi, "")
      .replace(/<[^>]*>/g, "")
      .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (all, decimal, hex, name) => {
        if (name) return NAMED[name.toLowerCase()];
        const code = decimal ? parseInt(decimal, 10) : parseInt(hex, 16);
        return code <= 0x10ffff ? String.fromCodePoint(code) : all;
      });

  // A function's sentence may hold one link. Whatever it holds, it becomes text and a link here, and never HTML of this page.
  const say = (sentence) => {
    const parts = sentence.match(/^([^]*?)<a\s[^>]*?href=(?:'([^']*)'|"([^"]*)")[^>]*>([^]*?)<\/a>([^]*)$/i);
    const address = parts && text(parts[2] ?? parts[3]);
    if (!parts || !/^https?:\/\//.test(address)) {
      outcome.textContent = text(sentence).trim();
      return;
    }
    const link = document.createElement("a");
    link.href = address;
    link.rel = "noreferrer";
    link.textContent = text(parts[4]);
    outcome.replaceChildren(text(parts[1]).trimStart(), link, text(parts[5]).trimEnd());
  };

  // What went wrong, in words for whoever has sent a picture.
  const why = async (answer) => {
    const wait = Number(answer.headers.get("retry-after"));
    const later = wait > 0 ? ` in ${wait === 1 ? "a second" : wait + " seconds"}` : " in a moment";
    switch (answer.status) {
      case 400:
      case 415:
      case 422:
        return "The function cannot read this picture. Is it a JPEG, PNG or GIF?";
      case 404:
      case 405:
        return "This server offers no such function here.";
      case 413:
        return "This picture is too large. Try a smaller one.";
      case 429:
        return `Too many pictures at once. Try again${later}.`;
      case 502:
        return "The function broke down over this picture. Another one may work.";
      case 503: {
        // Such as a function that lacks its model: the server says which setting is missing.
        const problem = await answer.json().catch(() => ({}));
        return answer.headers.has("retry-after") || !problem.detail
          ? `The server is busy. Try again${later}.`
          : `The function is not ready: ${problem.detail}`;
      }
      case 504:
        return "This picture takes too long to work on. Try a smaller one.";
      default:
        return `The server answered with an error (${answer.status}).`;
    }
  };

  // One that is known by its name, in place of those that are known by a header.
  const choice = ({ name, description }, first) => {
    const label = document.createElement("label");
    label.className = "choice";
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "function", value: name, checked: first });
    const title = document.createElement("b");
    title.textContent = name[0].toUpperCase() + name.slice(1).replaceAll("-", " ");
    const about = document.createElement("small");
    about.textContent = description;
    const words = document.createElement("span");
    words.append(title, " ", about);
    label.append(input, words);
    return label;
  };

  const offer = async () => {
    const answer = await fetch("/functions", { headers: { accept: "application/json" } });
    if (!answer.ok || answer.headers.get("content-type") !== "application/json") return;
    const { functions } = await answer.json();
    const takes = (range) => range.startsWith("image/") || range === "*/*";
    const found = functions.filter(({ state, accepts }) => state === "answers" && accepts.some(takes));
    if (found.length === 0) return;
    const choices = form.querySelector("fieldset");
    choices.replaceChildren(choices.querySelector("legend"), ...found.slice(0, MOST).map((one, at) => choice(one, at === 0)));
  };

  const ask = async (picture, name, api) => {
    request?.abort();
    request = new AbortController();
    const { signal } = request;
    clear();
    busy(true);
    try {
      const headers = { "content-type": picture.type || "application/octet-stream" };
      if (!name) headers.api = api;
      const answer = await fetch(name ? `/${name}` : "/api/hello", { method: "POST", headers, body: picture, signal });
      if (!answer.ok) {
        complain(await why(answer));
      } else if ((answer.headers.get("content-type") ?? "").startsWith("image/")) {
        const made = await answer.blob();
        show(after, made);
        save.href = addresses.get(after);
        save.download = `${name ?? (api === "rs" ? "grayscale" : "result")}.${made.type.split("/")[1].split("+")[0]}`;
        outcome.textContent = "Done.";
      } else {
        say(await answer.text());
      }
    } catch {
      if (!signal.aborted) complain("The server cannot be reached. Check your connection, then try again.");
    }
    if (request.signal === signal) busy(false);
  };

  file.addEventListener("change", () => {
    clear();
    show(before, file.files[0] ?? null);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const picture = file.files[0];
    const chosen = new FormData(form);
    if (picture) ask(picture, chosen.get("function"), chosen.get("api"));
  });
  stop.addEventListener("click", () => {
    request?.abort();
    busy(false);
    outcome.textContent = "Stopped.";
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length > 0) {
        file.files = event.dataTransfer.files;
        file.dispatchEvent(new Event("change"));
      }
    });
  }
  // Going back to this page may bring its fields back.
  show(before, file.files[0] ?? null);
  // Without an answer there still are the two.
  offer().catch(() => {});
})();
