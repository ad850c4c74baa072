// People for a group: the live search of all nodes. Whoever is chosen stays as a chip while others are looked for.
import { make, nodes, on, part, send } from "./app.js";
import { t } from "./i18n.js";

const form = document.querySelector("form[data-picker]");
const input = form.elements.q;
const rows = form.querySelector("[data-rows]");
const chips = form.querySelector("[data-chosen]");
const status = form.querySelector("[data-status]");
const find = form.querySelector("[name=find]");
const without = new Set(form.dataset.without.split(" "));
const drop = form.querySelector("template").content.firstElementChild;
let seen = new Set();
let asked = 0;
let wanted = input.defaultValue.trim(); // what was typed while the page loaded is looked for below
let timer = 0;
let stop = new AbortController();

const chip = (user) => chips.querySelector(`[data-user="${user}"]`);

function show() {
  chips.hidden = chips.children.length === 0;
  for (const box of [...rows.querySelectorAll("input"), ...blank.flatMap((row) => [...row.querySelectorAll("input")])])
    box.checked = chip(box.dataset.user) !== null;
}

function choose(user, name, address) {
  if (chip(user)) return;
  const button = drop.cloneNode(true);
  button.setAttribute("aria-label", t("js-picker-drop", { a: name }));
  const field = make("input", { type: "hidden", name: `with-${user}`, value: "1" });
  const item = make("li", { className: "pill" }, make("span", { className: "wrap", title: address }, name), button, field);
  item.dataset.user = user;
  button.addEventListener("click", () => {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    show();
    (next?.querySelector("button") ?? input).focus();
  });
  chips.append(item);
}

/** A row to be ticked, out of one of the search; one that is here never moves. */
function offer(found) {
  const { user } = found.dataset;
  if (!user || seen.has(user) || without.has(user)) return;
  seen.add(user);
  const box = make("input", { type: "checkbox" });
  box.dataset.user = user;
  const words = make("div", {}, make("b", { className: "nick" }, found.querySelector(".nick").textContent), " ");
  words.append(make("span", { className: "addr" }, found.querySelector(".addr")?.textContent ?? ""));
  rows.append(make("label", { className: "res" }, box, found.querySelector(".av"), words));
  show();
}

rows.addEventListener("change", ({ target }) => {
  const row = target.closest(".res");
  if (!target.checked) chip(target.dataset.user)?.remove();
  else choose(target.dataset.user, row.querySelector(".nick").textContent, row.querySelector(".addr").textContent);
  show();
});

function search() {
  const q = input.value.trim();
  if (q === wanted) return;
  wanted = q;
  stop.abort();
  stop = new AbortController();
  seen = new Set();
  if ([...q].length < 2) {
    if (asked) send("stop");
    asked = 0;
    rows.replaceChildren(...blank);
    status.textContent = "";
    return show();
  }
  // A whole address is looked up by the node; the letters of a name go to all nodes.
  asked = q.includes("@") ? 0 : send("search", { q });
  if (!asked && !q.includes("@")) return form.requestSubmit(find); // no socket: the page itself searches
  rows.replaceChildren();
  status.textContent = t("js-search-waiting");
  known(q, stop.signal);
}

// Those one talks with, and whom a whole address names.
async function known(q, signal) {
  const items = await part(`/search?q=${encodeURIComponent(q)}`, signal);
  if (q !== wanted) return;
  items?.forEach(offer);
  if (!asked) status.textContent = t("js-search-found-count", { n: seen.size });
}

on("people", (frame) => {
  if (frame.id !== asked) return;
  for (const { html } of frame.rows) nodes(html).forEach(offer);
  const found = t("js-search-found-count", { n: seen.size });
  const answers = frame.asked > 0 ? `; ${t("js-search-answered-count", { n: frame.answered, m: frame.asked })}` : "";
  status.textContent = frame.done ? found + answers : `${found}${answers}, ${t("js-search-waiting")}`;
});
on("error", (frame) => {
  if (frame.id === asked) status.textContent = frame.error.message;
});

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, 200);
});
input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  event.preventDefault(); // the first button of the form would be pressed
  clearTimeout(timer);
  search();
});

// What the node has drawn: ticks become chips, and stay in the form whatever is looked for.
const blank = [...rows.children];
for (const box of rows.querySelectorAll("input")) {
  box.dataset.user = box.name.slice("with-".length);
  box.removeAttribute("name");
  const row = box.closest(".res");
  seen.add(box.dataset.user);
  if (box.checked) choose(box.dataset.user, row.querySelector(".nick").textContent, row.querySelector(".addr").textContent);
}
find.parentNode.hidden = true;
show();
search();
