// Every <time datetime> in the zone and language of the browser; relative forms follow the clock.
import { t } from "./i18n.js";

const lang = document.documentElement.lang || "ru";
const form = (options) => new Intl.DateTimeFormat(lang, options);
const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const weekday = form({ weekday: "short" });
const dayShort = form({ day: "numeric", month: "short" });
const dayLong = form({ day: "numeric", month: "long" });
const dayYear = form({ day: "numeric", month: "long", year: "numeric" });
const two = (n) => String(n).padStart(2, "0");
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** Whole days between a date and today. */
export const daysAgo = (date) => Math.round((midnight(new Date()) - midnight(date)) / 864e5);
/** A day as text that sorts and compares. */
export const dayKey = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

function dayText(date) {
  const days = daysAgo(date);
  if (days === 0) return t("js-day-today");
  if (days === 1) return t("js-day-yesterday");
  return (date.getFullYear() === new Date().getFullYear() ? dayLong : dayYear).format(date);
}

function cardText(date) {
  const days = daysAgo(date);
  if (days <= 0) return clock.format(date);
  if (days === 1) return t("js-yesterday");
  if (days < 7) return weekday.format(date);
  if (date.getFullYear() === new Date().getFullYear()) return dayShort.format(date);
  return `${two(date.getDate())}.${two(date.getMonth() + 1)}.${two(date.getFullYear() % 100)}`;
}

const full = (date) => `${dayYear.format(date)}, ${clock.format(date)}`;
const forms = { clock: (d) => clock.format(d), card: cardText, day: dayText, full };

/** Writes the times below a node anew. */
export function localize(root = document) {
  for (const node of root.querySelectorAll("time[data-form]")) {
    const date = new Date(node.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    const text = (forms[node.dataset.form] ?? full)(date);
    if (node.textContent !== text) node.textContent = text;
    if (node.dataset.form === "day") continue;
    node.title = full(date);
    const item = node.dataset.form === "clock" ? node.closest("li.msg") : null;
    if (item?.dataset.name) item.setAttribute("aria-label", `${item.dataset.name}, ${text}`);
  }
}

localize();
setInterval(() => localize(), 60_000);
document.addEventListener("visibilitychange", () => document.hidden || localize());
for (const input of document.querySelectorAll("input[data-zone]")) {
  input.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
}
