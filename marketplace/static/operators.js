// Everything works without this script; with it, jobs show how far they are by themselves.

// What the keyboard reaches in a table that scrolls comes into view whole.
document.addEventListener("focusin", ({ target }) => {
  target.closest(".scroll td")?.scrollIntoView({ block: "nearest", inline: "nearest" });
});

(() => {
  const live = () => document.querySelector("#work[data-live]");
  if (!live()) return;

  // Seconds between two looks; longer after each that fails.
  const PAUSES = [1, 2, 4, 8, 15];
  const told = document.createElement("p");
  told.className = "unseen told";
  told.setAttribute("role", "status");
  document.body.append(told);
  let said = document.querySelector("[data-said]")?.textContent ?? "";
  let failed = 0;

  const say = (words) => {
    if (words === said) return;
    said = words;
    told.textContent = words;
  };

  // What is pressed is found again, and what is open stays open.
  const put = (fresh) => {
    const old = document.getElementById("work");
    const focus = old.contains(document.activeElement) ? document.activeElement : null;
    const scrolled = [...old.querySelectorAll(".scroll")].map((region) => region.scrollLeft);
    old.replaceWith(fresh);
    fresh.querySelectorAll(".scroll").forEach((region, place) => { region.scrollLeft = scrolled[place] ?? 0; });
    if (!focus) return;
    const all = [...fresh.querySelectorAll("button, .scroll, a")];
    const same = all.find((one) => one.value === focus.value && one.form?.action === focus.form?.action && one.className === focus.className
      && one.getAttribute("href") === focus.getAttribute("href"));
    (same ?? fresh.querySelector("h2[tabindex]") ?? fresh).focus({ preventScroll: true });
  };

  const look = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      // The session has ended: the page says so itself.
      if (answer.redirected) return location.reload();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = answer.ok && page.getElementById("work");
      if (!fresh) throw new Error("no page");
      put(document.adoptNode(fresh));
      say(fresh.querySelector("[data-said]")?.textContent ?? "");
      failed = 0;
    } catch {
      failed = Math.min(failed + 1, PAUSES.length - 1);
      say("How far the jobs are cannot be seen at this moment.");
    }
    if (live()) again();
  };

  let timer = 0;
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSES[failed] * 1000);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden && live()) again(); });
  again();
})();
