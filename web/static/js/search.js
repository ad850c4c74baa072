// Live people search: this node at once, others as they answer. Rows that came never move.
import { live, nodes, on, part, send } from "./app.js";
import { t } from "./i18n.js";
import { localize } from "./time.js";

const box = document.querySelector("[data-search]");
const input = box.querySelector("input[type=search]");
const group = (name) => box.querySelector(`[data-group=${name}]`);
const find = (name) => box.querySelector(`[data-${name}]`);
const confirm = document.querySelector("[data-confirm]");
let asked = 0;
let wanted = input.value.trim();
let timer = 0;
let seen = new Set();
let early = null; // answers of nodes that came before the rows above theirs

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, 200);
});
box.querySelector("form").addEventListener("submit", (event) => {
  if (!live()) return; // the page itself searches then
  event.preventDefault();
  search();
});

function search() {
  const q = input.value.trim();
  if (q === wanted) return;
  wanted = q;
  clear();
  if ([...q].length < 2) {
    if (asked) send("stop");
    asked = 0;
    find("hint").hidden = false;
    return;
  }
  early = [];
  known(q).then(() => q === wanted && settle());
  // A whole address is looked up by the node; the letters of a name go to all nodes.
  asked = q.includes("@") ? 0 : send("search", { q });
  if (!asked && !q.includes("@")) return location.assign(`/search?q=${encodeURIComponent(q)}`);
  find("progress").hidden = false;
  history.replaceState(null, "", `/search?q=${encodeURIComponent(q)}`);
}

function clear() {
  seen = new Set();
  for (const name of ["chats", "here", "there"]) {
    group(name).hidden = true;
    group(name).querySelector("ul").replaceChildren();
  }
  find("answers").textContent = "";
  for (const name of ["static", "none", "hint", "progress"]) find(name).hidden = true;
  find("status").textContent = "";
  confirm.replaceChildren();
}

// Chats the user has already and whole addresses: asked by fetch, drawn by the page's own templates.
async function known(q) {
  const items = await part(`/search?q=${encodeURIComponent(q)}`);
  if (q !== wanted || !items) return;
  for (const item of items) {
    if (item.dataset.user) add(item, "there");
    else if (item.dataset.chat) {
      group("chats").hidden = false;
      group("chats").querySelector("ul").append(item);
    } else {
      find("static").hidden = false;
      find("static").replaceChildren(item);
    }
  }
  localize(box);
  if (!asked) {
    find("progress").hidden = true;
    find("none").hidden = items.length > 0;
  }
}

function add(row, from) {
  if (seen.has(row.dataset.user)) return;
  seen.add(row.dataset.user);
  const name = from === "here" ? "here" : "there";
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
  if (frame.id !== asked) return;
  if (early) early.push(frame);
  else arrived(frame);
});

function arrived(frame) {
  for (const { html, here } of frame.rows) for (const row of nodes(html)) add(row, here ? "here" : "there");
  if (frame.asked > 0) {
    group("there").hidden = false;
    find("answers").textContent = t("js-search-answered-count", { n: frame.answered, m: frame.asked });
  }
  const found = t("js-search-found-count", { n: seen.size });
  find("status").textContent = frame.done ? found : `${found}, ${t("js-search-waiting")}`;
  if (frame.done) {
    find("progress").hidden = true;
    find("none").hidden = seen.size > 0 || !group("chats").hidden;
  }
}
on("error", (frame) => {
  if (frame.id !== asked) return;
  find("progress").hidden = true;
  find("status").textContent = frame.error.message;
});
on("lost", () => { find("progress").hidden = true; });

// The question beside the list on wide windows; elsewhere its own page.
box.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-start]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !matchMedia("(min-width: 1100px)").matches) return;
  event.preventDefault();
  const items = await part(link.href);
  if (!items || items.length === 0 || !items[0].matches(".confirm")) return location.assign(link.href);
  for (const row of box.querySelectorAll(".res[data-user]")) row.classList.toggle("chosen", row.contains(link));
  confirm.replaceChildren(...items);
  confirm.querySelector("h2").focus();
});
confirm.addEventListener("click", (event) => {
  if (!event.target.closest("[data-cancel]")) return;
  event.preventDefault();
  confirm.replaceChildren();
  input.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && confirm.firstElementChild) confirm.replaceChildren(), input.focus();
});
// Arrow keys go through the results, without leaving the field's text.
box.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const stops = [input, ...box.querySelectorAll("#results li a")];
  const at = stops.indexOf(document.activeElement);
  if (at < 0 || !stops[at + step]) return;
  event.preventDefault();
  stops[at + step].focus();
});
