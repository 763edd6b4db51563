// Everything works without this script; with it, a little better.

// A book that the keyboard reaches on a phone's shelf comes into view whole.
document.addEventListener("focusin", ({ target }) => {
  target.closest(".shelf > li")?.scrollIntoView({ block: "nearest", inline: "nearest" });
});

// On the search page, results follow what is typed.
(() => {
  const field = document.querySelector("form.search input");
  const found = document.getElementById("found");
  let results = document.getElementById("results");
  if (!field || !found || !results) return;

  // Seconds before each new try at what the shop could not answer.
  const PAUSES = [2, 3, 5, 8, 13];
  let timer = 0;
  let again = 0;
  let tries = 0;
  let request = new AbortController();
  let shown = field.value.trim();
  let height = 0;

  // Replaced whole, so that nothing that stays has moved.
  const put = (fresh, words) => {
    fresh.style.minHeight = height + "px";
    results.replaceWith(fresh);
    results = fresh;
    if (found.textContent !== words) found.textContent = words;
  };

  // Why there are no results; they would be another query's.
  const excuse = (words, why, address) => {
    const fresh = document.createElement("div");
    fresh.id = "results";
    const notice = document.createElement("p");
    notice.className = "notice";
    const link = document.createElement("a");
    link.href = address;
    link.textContent = "Try again";
    notice.append(why, " ", link);
    fresh.append(notice);
    put(fresh, words);
  };

  const ask = async (query) => {
    clearTimeout(again);
    request.abort();
    request = new AbortController();
    const { signal } = request;
    const address = query ? "/search?" + new URLSearchParams({ q: query }) : "/search";
    results.setAttribute("aria-busy", "true");
    let later = true;
    try {
      const answer = await fetch(address, { signal });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      history.replaceState(null, "", address);
      document.title = page.title;
      const fresh = page.getElementById("results");
      if (fresh) {
        put(document.adoptNode(fresh), page.getElementById("found").textContent);
        tries = 0;
        return;
      }
      later = answer.status >= 500;
      const why = page.querySelector(".trouble .lead")?.textContent ?? "";
      excuse(page.querySelector("h1")?.textContent ?? "Search does not answer", why, address);
    } catch {
      if (signal.aborted) return;
      history.replaceState(null, "", address);
      document.title = "Search – Shelfwise";
      excuse("We cannot reach the shop", "Check your connection.", address);
    }
    if (later && tries < PAUSES.length) {
      again = setTimeout(ask, PAUSES[tries++] * 1000, query);
    } else {
      // The same words may be asked for once more.
      shown = null;
    }
  };

  field.addEventListener("input", () => {
    // What stands below leaves the view now, while the reader expects a change, and not when the answer comes.
    height = Math.max(height, results.offsetHeight, innerHeight);
    results.style.minHeight = height + "px";
    clearTimeout(timer);
    timer = setTimeout(() => {
      const query = field.value.trim();
      if (query === shown) return;
      shown = query;
      tries = 0;
      ask(query);
    }, 180);
  });
})();

// What a reader says is sent in place: the page stays where it is, and what has changed is put in.
(() => {
  if (!document.querySelector("[data-fresh]")) return;
  const told = document.createElement("p");
  told.className = "unseen told";
  told.setAttribute("role", "status");
  document.body.append(told);

  // What a control is called within its region, to find it again in a fresh one.
  const name = (control) => {
    const form = control.form?.action;
    return form && control.name ? { form, control: control.name, value: control.value } : null;
  };
  const find = (where, sought) => {
    const all = [...where.querySelectorAll("form input, form button")].filter((control) => control.form.action === sought.form);
    return all.find((control) => control.name === sought.control && control.value === sought.value)
      ?? all.find((control) => control.name === sought.control && control.checkVisibility?.() !== false);
  };

  const put = (page, focus) => {
    const words = [];
    let focused = false;
    for (const old of document.querySelectorAll("[data-fresh]")) {
      const fresh = page.getElementById(old.id);
      if (!fresh) continue;
      const had = old.contains(document.activeElement);
      const said = fresh.querySelector("[data-said]")?.textContent;
      if (said && said !== old.querySelector("[data-said]")?.textContent) words.push(said);
      const whole = document.adoptNode(fresh);
      old.replaceWith(whole);
      if (!had || focused) continue;
      // A control that has gone leaves the focus with what undoes it, or with the region.
      const next = (focus && find(whole, focus)) ?? whole.querySelector("[data-undo]") ?? whole;
      if (next === whole) whole.tabIndex = -1;
      next.focus({ preventScroll: true });
      focused = true;
    }
    told.textContent = words.join(" ") || "Saved.";
  };

  // Books that stay move to their new places.
  const named = () => document.querySelectorAll("[data-book]").forEach((book) => {
    book.style.viewTransitionName = `book-${book.dataset.book}`;
  });
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const swap = (work) => {
    if (!document.startViewTransition || still.matches) return work();
    named();
    document.startViewTransition(() => { work(); named(); });
  };

  const excuse = (form, words) => {
    let notice = form.querySelector(".notice");
    if (!notice) {
      notice = document.createElement("p");
      notice.className = "notice";
      form.append(notice);
    }
    notice.textContent = words;
    told.textContent = words;
  };

  let sending = Promise.resolve();
  const send = async (form, button) => {
    const body = new URLSearchParams(new FormData(form, button));
    const focus = document.activeElement && form.contains(document.activeElement) ? name(document.activeElement) : null;
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.ok) return swap(() => put(page, focus));
      excuse(form, (page.querySelector(".trouble .lead")?.textContent ?? "We could not save that.") + " Press again to send it again.");
    } catch {
      excuse(form, "We could not reach the shop, so this is not saved. Check your connection, then press again.");
    }
  };

  const ours = (form) => form?.matches(".mine, .quick, .lately");
  document.addEventListener("submit", (event) => {
    if (!ours(event.target) || event.defaultPrevented) return;
    event.preventDefault();
    // One after the other, so that the last word is the last.
    sending = sending.then(() => send(event.target, event.submitter));
  });

  // Stars count when they are chosen: by pointer at once, by keys when the reader pauses.
  let timer = 0;
  let keys = false;
  document.addEventListener("keydown", () => { keys = true; }, true);
  document.addEventListener("pointerdown", () => { keys = false; }, true);
  document.addEventListener("change", ({ target }) => {
    if (target.name !== "stars" || !ours(target.form)) return;
    clearTimeout(timer);
    const save = () => target.isConnected && target.form.requestSubmit(target.form.querySelector("[value=rate]"));
    if (keys) timer = setTimeout(save, 700); else save();
  });
})();

// A file that is brought along: how much is sent, and how far the shop is with it.
(() => {
  const form = document.querySelector("form.upload");
  if (!form) return;
  const going = form.querySelector(".going");
  const bar = going.querySelector("progress");
  const words = going.querySelector("[role=status]");
  const name = form.dataset.progress;
  const number = new Intl.NumberFormat("en");

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector(".button");
    const request = new XMLHttpRequest();
    let timer = 0;
    let told = false;
    let sent = "Sending the file";
    const { size } = form.elements.file.files[0];
    const over = () => {
      clearTimeout(timer);
      request.onload = request.onerror = null;
    };
    const ask = async () => {
      try {
        const answer = await fetch("/my-books/import/" + name);
        if (answer.ok) {
          const { bytes, rows, stored, unmatched, wrong } = await answer.json();
          told = rows > 0;
          if (told) {
            const unread = wrong ? `, ${number.format(wrong)} that could not be read` : "";
            words.textContent = `${number.format(rows)} lines read, ${number.format(stored)} books found, ${number.format(unmatched)} not on our shelves${unread}`;
            // What was read counts, not what is on its way.
            bar.value = Math.min(100, Math.floor((100 * bytes) / size));
          }
        }
      } catch {
        // The next one may get through.
      }
      if (request.readyState !== XMLHttpRequest.DONE) timer = setTimeout(ask, 400);
    };
    request.upload.onprogress = ({ loaded, total }) => {
      const share = Math.floor((100 * loaded) / total);
      if (!told) bar.value = share;
      sent = share < 100 ? `Sending the file: ${share} %` : "The file is here; looking the books up";
      if (!told) words.textContent = sent;
    };
    request.onerror = () => {
      over();
      words.textContent = "The file did not get through. Check your connection, then send it again.";
      button.disabled = false;
    };
    request.onload = () => {
      over();
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
      document.title = page.title;
      // What came of it is what the reader waits for.
      const find = (what) => document.querySelector(what);
      const outcome = find("#imported") ?? find("main .notice") ?? find("main");
      outcome.tabIndex = -1;
      outcome.focus();
    };
    going.hidden = false;
    button.disabled = true;
    words.textContent = sent;
    request.open("POST", form.action);
    request.send(new FormData(form));
    timer = setTimeout(ask, 200);
  });
})();
