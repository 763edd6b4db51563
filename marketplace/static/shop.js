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
