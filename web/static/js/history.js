// History in both directions, the place where a conversation opens, and read marks of what is really seen.
import { live, make, part, post, send } from "./app.js";
import { chat, cut, byId, items, keep, log, messages, pane, regroup, shown, whenPut } from "./chat.js";
import { localize } from "./time.js";

const KEEP = 300;

// One line above what was new when the chat was opened, wherever its first message turns up.
const line = items.querySelector(".newline");
const readTo = Number(pane.dataset.readN);
let fetching = false;

async function history(foot) {
  if (fetching || !foot.isConnected) return;
  fetching = true;
  const where = foot.dataset.more;
  const found = await part(foot.querySelector("a").href);
  fetching = false;
  if (!found) return;
  log.setAttribute("aria-busy", "true");
  const known = new Set(messages().map((item) => item.dataset.id));
  // The page links of the other side belong to its other neighbour, which is here already.
  const fresh = found.filter((item) => !known.has(item.dataset.id) && !item.matches(".newline") && (!item.dataset.more || item.dataset.more === where));
  keep(() => {
    foot.replaceWith(...fresh);
    localize(items);
    if (line) messages().find((item) => !item.matches(".me") && Number(item.dataset.n) > readTo)?.before(line);
    trim(where === "before" ? "after" : "before");
    regroup();
  });
  if (where === "after" && !items.querySelector("[data-more=after]")) delete log.dataset.hasNewer;
  log.removeAttribute("aria-busy");
  fresh.filter((item) => item.matches(".msg")).forEach(watch);
  ends();
  shown();
}

// At most 300 stay in the page; the far side gets its link again.
function trim(where) {
  const all = messages();
  const many = all.length - KEEP;
  if (many <= 0) return;
  const gone = where === "before" ? all.slice(0, many) : all.slice(-many);
  if (gone.some((item) => !item.dataset.id)) return;
  const stays = where === "before" ? all[many] : all[all.length - many - 1];
  if (!stays.dataset.id) return;
  gone.forEach((item) => item.remove());
  const beyond = where === "before" ? Node.DOCUMENT_POSITION_PRECEDING : Node.DOCUMENT_POSITION_FOLLOWING;
  for (const item of items.querySelectorAll("li.sys")) if (stays.compareDocumentPosition(item) & beyond) item.remove();
  let foot = items.querySelector(`[data-more=${where}]`);
  if (!foot) {
    foot = make("li", { className: "more" }, make("a"));
    foot.dataset.more = where;
    if (where === "before") items.prepend(foot);
    else stays.after(foot);
  }
  foot.querySelector("a").href = `/c/${chat}?${where}=${stays.dataset.id}`;
  if (where === "after") log.dataset.hasNewer = "";
  ends();
}

const near = new IntersectionObserver(
  (seen) => seen.forEach((it) => it.isIntersecting && history(it.target)),
  { root: log, rootMargin: "400px 0px" },
);
/** The links to more pages are looked at anew. */
export function ends() {
  near.disconnect();
  for (const foot of items.querySelectorAll("[data-more]")) near.observe(foot);
}

// --- reading
const visible = new Set();
let reported = 0;
let readTimer = 0;

// Half of it, or of the log where it is taller than that.
const half = (it) => it.intersectionRatio >= 0.5 || it.intersectionRect.height >= it.rootBounds.height / 2;
const looking = new IntersectionObserver((seen) => {
  for (const it of seen) half(it) ? visible.add(it.target) : visible.delete(it.target);
  report();
}, { root: log, threshold: Array.from({ length: 21 }, (_, at) => at / 20) });

/** A message that is in the page now: whether it is seen is looked at. */
export function watch(item) {
  if (!item.classList.contains("me")) looking.observe(item);
}

function report() {
  clearTimeout(readTimer);
  readTimer = setTimeout(() => {
    if (document.hidden || !document.hasFocus()) return;
    let newest = null;
    for (const item of visible) {
      if (!item.isConnected) visible.delete(item);
      else if (Number(item.dataset.n) > Number(newest?.dataset.n ?? 0)) newest = item;
    }
    const n = Number(newest?.dataset.n ?? 0);
    if (n <= reported) return;
    reported = n;
    const read = { chat_id: chat, message_id: newest.dataset.id };
    if (live()) send("read", read);
    else post(`/c/${chat}/read`, read).then((answer) => { if (!answer?.ok) reported = 0; });
  }, 300);
}
addEventListener("focus", report);
document.addEventListener("visibilitychange", report);

// --- opening
whenPut((item, fresh) => {
  watch(item);
  if (fresh && log.scrollTop === 0) trim("before");
});
regroup();
const asked = items.querySelector(".msg.at");
if (asked) {
  asked.scrollIntoView({ block: "center" });
} else if (line && !/#m-|at=end/.test(location.href)) {
  const box = log.getBoundingClientRect();
  log.scrollBy(0, line.getBoundingClientRect().top - box.top - box.height / 3);
}
messages().forEach(watch);
ends();
shown();
