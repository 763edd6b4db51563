// Everything works without this script; with it, a picture can be dropped anywhere on the form or pasted, is seen before it is
// sent, and the page says how far it is.
(() => {
  const find = () => document.querySelector("form.studio");
  const MOST_SIDE = 480;
  let request = null;
  let shown = location.pathname;

  const complain = (form, words) => {
    document.getElementById("trouble")?.remove();
    const notice = document.createElement("div");
    notice.className = "notice";
    notice.id = "trouble";
    notice.setAttribute("role", "alert");
    const text = document.createElement("p");
    text.textContent = words;
    notice.append(text);
    form.before(notice);
  };

  // What is chosen, drawn small: nothing is loaded for it, so that no policy has to be wider.
  const look = async (form) => {
    const canvas = form.querySelector("canvas");
    const [file] = form.elements.picture.files;
    canvas.hidden = true;
    if (!file) return;
    if (file.size > Number(form.dataset.most)) return complain(form, "The picture is larger than 8 MB. Choose a smaller one.");
    document.getElementById("trouble")?.remove();
    try {
      const image = await createImageBitmap(file);
      if (form.elements.picture.files[0] !== file) return;
      const scale = Math.min(1, MOST_SIDE / Math.max(image.width, image.height));
      canvas.width = Math.max(1, Math.round(image.width * scale));
      canvas.height = Math.max(1, Math.round(image.height * scale));
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      image.close();
      canvas.hidden = false;
    } catch {
      // What this browser cannot show, the shop may be able to read.
    }
  };

  const take = (form, files) => {
    if (!files.length || request) return;
    const one = new DataTransfer();
    one.items.add(files[0]);
    form.elements.picture.files = one.files;
    look(form);
  };

  const above = (event) => event.target.closest?.("form.studio");
  document.addEventListener("dragover", (event) => {
    const form = above(event);
    if (!form || !event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    const form = above(event);
    if (form && !form.contains(event.relatedTarget)) form.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    const form = above(event);
    if (!form || !event.dataTransfer.files.length) return;
    event.preventDefault();
    form.classList.remove("over");
    take(form, event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    const form = find();
    if (form && event.clipboardData.files.length) take(form, event.clipboardData.files);
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "picture") look(event.target.form);
  });

  const put = (page, address) => {
    const old = document.querySelector("main");
    old.replaceWith(document.adoptNode(page.querySelector("main")));
    document.title = page.title;
    if (address !== location.pathname) history.pushState(null, "", address);
    shown = address;
    const outcome = document.getElementById("tried") ?? document.querySelector("main .notice") ?? document.querySelector("main");
    outcome.tabIndex = -1;
    outcome.focus();
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form.studio")) return;
    event.preventDefault();
    if (request) return;
    const [file] = form.elements.picture.files;
    if (file && file.size > Number(form.dataset.most)) return complain(form, "The picture is larger than 8 MB. Choose a smaller one.");
    const going = form.querySelector(".going");
    const bar = going.querySelector("progress");
    const words = going.querySelector("[role=status]");
    const seconds = going.querySelector(".seconds");
    const button = form.querySelector(".button");
    const { title } = form.querySelector("[name=function]:checked").dataset;
    const start = performance.now();
    const clock = setInterval(() => { seconds.textContent = `${Math.floor((performance.now() - start) / 1000)} s`; }, 1000);
    const over = () => {
      clearInterval(clock);
      request = null;
      going.hidden = true;
      button.disabled = false;
      seconds.textContent = "";
    };
    const wait = () => {
      // How long it takes nobody knows.
      bar.removeAttribute("value");
      words.textContent = `${title} is at work`;
    };
    request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => {
      const share = Math.floor((100 * loaded) / total);
      bar.value = share;
      words.textContent = `Sending the picture: ${share} %`;
      if (loaded === total) wait();
    };
    request.upload.onload = wait;
    request.onerror = () => {
      over();
      complain(form, "The picture did not get through. Check your connection, then send it again.");
    };
    request.onabort = () => {
      over();
      button.focus();
    };
    request.onload = ({ target }) => {
      over();
      const page = new DOMParser().parseFromString(target.responseText, "text/html");
      if (!page.querySelector("main")) return complain(form, "The shop does not answer. Wait a moment, then send it again.");
      put(page, new URL(target.responseURL || location.href).pathname);
    };
    document.getElementById("trouble")?.remove();
    going.hidden = false;
    button.disabled = true;
    bar.value = 0;
    words.textContent = "Sending the picture";
    request.open("POST", form.action);
    request.send(new FormData(form));
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest?.(".studio .going button")) request?.abort();
  });

  // Pages that were put in are asked for anew when the reader goes back to them.
  addEventListener("popstate", () => {
    if (location.pathname !== shown) location.reload();
  });
})();
