// Live search for chats and people: this node at once, others as they answer. Rows that came never move, and those of
// the last question stay until the first answer to the next one.
import { live, nodes, on, part, send } from "./app.js";
import { t } from "./i18n.js";
import { localize } from "./time.js";

/** Makes a search box live; `asks` shows the question before a chat, a link's address is gone to when it answers false. */
export function attach(box, asks, keep = () => {}) {
  const input = box.querySelector("input[type=search]");
  const results = box.querySelector("[data-results]");
  const group = (name) => box.querySelector(`[data-group=${name}]`);
  const find = (name) => box.querySelector(`[data-${name}]`);
  const options = () => [...results.querySelectorAll("li a")].filter((it) => it.offsetParent);
  const blank = results.innerHTML; // what stands here before there is a question
  const asksFirst = input.value.trim() !== "";
  let asked = 0;
  let wanted = input.value.trim();
  let timer = 0;
  let seen = new Set();
  let early = null; // answers that came before the rows above theirs
  let stop = new AbortController();
  let ids = 0;

  // --- the field is a combobox, the results its list: arrows choose, the caret stays in the field
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", results.id);
  results.setAttribute("role", "listbox");
  function dress() {
    for (const heading of results.querySelectorAll("h2")) heading.setAttribute("role", "presentation");
    for (const it of results.querySelectorAll("[data-group]")) it.setAttribute("role", "group");
    for (const it of results.querySelectorAll("ul, li")) it.setAttribute("role", "presentation");
    for (const link of results.querySelectorAll("li a")) {
      if (link.getAttribute("role") === "option") continue;
      link.setAttribute("role", "option");
      link.id = `option-${(ids += 1)}`;
      link.tabIndex = -1;
      link.setAttribute("aria-selected", "false");
    }
    const some = results.querySelector("[data-group]:not([hidden]) li") !== null;
    input.setAttribute("aria-expanded", String(some));
    // A list without an entry is no list.
    results.toggleAttribute("role", some);
    if (some) results.setAttribute("role", "listbox");
  }
  function choose(link) {
    for (const it of results.querySelectorAll("[aria-selected=true]")) it.setAttribute("aria-selected", "false");
    for (const it of results.querySelectorAll(".chosen")) it.classList.remove("chosen");
    if (!link) return input.removeAttribute("aria-activedescendant");
    link.setAttribute("aria-selected", "true");
    link.closest("li").classList.add("chosen");
    link.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", link.id);
  }
  const chosen = () => options().find((it) => it.getAttribute("aria-selected") === "true");
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.isComposing || !step || event.altKey || event.ctrlKey) return;
    event.preventDefault();
    const all = options();
    const at = all.indexOf(chosen()) + step;
    choose(at < 0 ? all.at(chosen() ? 0 : -1) : all[Math.min(at, all.length - 1)]);
  });

  input.addEventListener("input", () => {
    // Whoever types on asks anew; answers that come late leave the question where it is.
    asks(null);
    clearTimeout(timer);
    timer = setTimeout(search, 200);
  });
  box.querySelector("form").addEventListener("submit", (event) => {
    const link = chosen();
    if (!link && !live()) return; // the page itself searches then
    event.preventDefault();
    clearTimeout(timer);
    if (link) link.click();
    else search();
  });

  function search() {
    const q = input.value.trim();
    if (q === wanted) return;
    wanted = q;
    for (const it of box.querySelectorAll("[data-in]")) it.search = new URLSearchParams({ in: it.dataset.in, q });
    stop.abort();
    stop = new AbortController();
    if ([...q].length < 2) {
      if (asked) send("stop");
      asked = 0;
      early = null;
      if (!asksFirst) results.innerHTML = blank;
      else clear();
      for (const name of ["static", "none", "progress"]) find(name).hidden = true;
      find("nodes").replaceChildren();
      find("status").textContent = "";
      find("hint").hidden = false;
      localize(results);
      return dress();
    }
    early = [];
    for (const name of ["static", "none"]) find(name).hidden = true; // of another question
    // A whole address is looked up by the node; the letters of a name go to all nodes.
    asked = q.includes("@") ? 0 : send("search", { q });
    if (!asked && !q.includes("@")) return location.assign(`/search?q=${encodeURIComponent(q)}`);
    known(q, stop.signal);
    find("progress").hidden = false;
    keep(q);
  }

  function clear() {
    seen = new Set();
    for (const name of ["chats", "here", "there"]) {
      group(name).hidden = true;
      group(name).querySelector("ul").replaceChildren();
    }
    find("answers").textContent = "";
    for (const name of ["static", "none", "hint"]) find(name).hidden = true;
    find("status").textContent = "";
    choose(null);
  }

  // Chats the user has already, the nodes, and whole addresses: asked by fetch, drawn by the page's own templates.
  async function known(q, signal) {
    const items = await part(`/search?q=${encodeURIComponent(q)}`, signal);
    if (q !== wanted) return;
    clear();
    box.querySelector("#g-chats").textContent = t("js-search-chats");
    for (const item of items ?? []) {
      if (item.dataset.chat) add(item, "chats");
      else if (item.dataset.user) add(item, "there");
      else if ("nodes" in item.dataset) find("nodes").replaceChildren(...item.children);
      else {
        find("static").hidden = false;
        find("static").replaceChildren(item);
      }
    }
    localize(results);
    if (!asked) {
      find("progress").hidden = true;
      find("none").hidden = seen.size > 0 || !find("static").hidden;
      find("status").textContent = t("js-search-found-count", { n: seen.size });
    }
    settle();
    dress();
  }

  function add(row, name) {
    if (seen.has(row.dataset.user)) return;
    seen.add(row.dataset.user);
    group(name).hidden = false;
    group(name).querySelector("ul").append(row);
    find("none").hidden = true;
  }

  // The order on the page: existing chats, this node, other nodes. What comes too early waits, so that no row moves.
  function settle() {
    const frames = early ?? [];
    early = null;
    frames.sort((one, other) => (other.from === "here") - (one.from === "here")).forEach(arrived);
  }

  on("people", (frame) => {
    if (!box.isConnected || frame.id !== asked) return;
    if (early) early.push(frame);
    else arrived(frame);
  });

  // How a node answered: its time, or that it did not.
  function tell(name, text, state) {
    let chip = find("nodes").querySelector(`[data-node="${CSS.escape(name)}"]`);
    if (!chip) {
      [chip] = nodes('<li class="pill"><span class="dot"></span><span class="wrap"></span> · <span data-ms></span></li>');
      chip.dataset.node = chip.querySelector(".wrap").textContent = name;
      find("nodes").append(chip);
    }
    chip.querySelector(".dot").className = `dot ${state}`;
    chip.querySelector("[data-ms]").textContent = text;
  }

  function arrived(frame) {
    for (const { html, here } of frame.rows) for (const row of nodes(html)) add(row, here ? "here" : "there");
    if (frame.from !== "here") tell(frame.from, t("js-search-ms", { a: frame.ms }), "");
    if (frame.asked > 0) {
      group("there").hidden = false;
      find("answers").textContent = t("js-search-answered-count", { n: frame.answered, m: frame.asked });
    }
    const found = t("js-search-found-count", { n: seen.size });
    find("status").textContent = frame.done ? found : `${found}, ${t("js-search-waiting")}`;
    if (frame.done) {
      find("progress").hidden = true;
      find("none").hidden = seen.size > 0;
      for (const dot of find("nodes").querySelectorAll(".dot.wait")) tell(dot.closest("li").dataset.node, t("js-search-silent"), "off");
    }
    dress();
  }
  on("error", (frame) => {
    if (frame.id !== asked || !box.isConnected) return;
    find("progress").hidden = true;
    find("status").textContent = frame.error.message;
  });
  on("lost", () => { find("progress").hidden = true; });

  box.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-start]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const typed = input.value;
    const found = await part(link.href);
    if (typed !== input.value) return;
    if (!found?.[0]?.matches(".confirm")) return location.assign(link.href);
    choose(link);
    asks(found, input);
  });
  dress();
}

/** Shows the question before a chat as a dialog; `null` takes it away. */
export function dialog(found, back) {
  document.querySelector("dialog.asks")?.remove();
  if (!found) return;
  const box = document.createElement("dialog");
  box.className = "asks";
  box.setAttribute("aria-labelledby", "start-title");
  box.append(...found);
  box.addEventListener("close", () => {
    box.remove();
    back.focus();
  });
  box.addEventListener("click", (event) => {
    if (event.target !== box && !event.target.closest("[data-cancel]")) return;
    event.preventDefault();
    box.close();
  });
  document.body.append(box);
  box.showModal();
  box.querySelector("button").focus();
}

// --- the search page: the question stands beside the list on wide windows, elsewhere it is a dialog
const panel = document.querySelector("main [data-search]");
if (panel) {
  const place = document.querySelector("[data-confirm]");
  const wide = matchMedia("(min-width: 1100px)");
  const take = () => {
    place.replaceChildren();
    panel.querySelector("input").focus();
  };
  const asks = (found, back) => {
    if (!found) return place.replaceChildren();
    if (!wide.matches) return dialog(found, back);
    place.replaceChildren(...found);
    place.querySelector("h2").focus();
  };
  attach(panel, asks, (q) => history.replaceState(null, "", `/search?q=${encodeURIComponent(q)}`));
  place.addEventListener("click", (event) => {
    if (!event.target.closest("[data-cancel]")) return;
    event.preventDefault();
    take();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && place.firstElementChild && take());
}
