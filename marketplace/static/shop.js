// Everything works without this script; with it, a little better.

// A book that the keyboard reaches on a phone's shelf comes into view whole.
document.addEventListener("focusin", ({ target }) => {
  target.closest(".shelf > li")?.scrollIntoView({ block: "nearest", inline: "nearest" });
});

// On the search page, results follow what is typed.
(() => {
  const field = document.querySelector("form.search input");
  const found = document.getElementById("found");
  const results = document.getElementById("results");
  if (!field || !found || !results) return;

  let timer = 0;
  let request = new AbortController();
  let shown = field.value.trim();

  const show = async () => {
    const query = field.value.trim();
    if (query === shown) return;
    shown = query;
    request.abort();
    request = new AbortController();
    const address = query ? "/search?" + new URLSearchParams({ q: query }) : "/search";
    results.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { signal: request.signal });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("results");
      if (fresh) {
        history.replaceState(null, "", address);
        document.title = page.title;
        results.replaceChildren(...fresh.childNodes);
        found.textContent = page.getElementById("found").textContent;
      } else {
        found.textContent = page.querySelector("h1")?.textContent ?? "Search does not answer";
        shown = null;
      }
      results.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name === "AbortError") return;
      found.textContent = "We cannot reach the shop. Check your connection.";
      results.removeAttribute("aria-busy");
      shown = null;
    }
  };

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 180);
  });
})();
