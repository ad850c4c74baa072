// Who types in the open chat, and who is there.
import { make, me, on } from "./app.js";
import { chat, pane, waits } from "./chat.js";
import { t } from "./i18n.js";
import { localize } from "./time.js";

const typing = pane.querySelector("[data-typing]");
const typers = new Map();

// Without a name they have stopped.
function typed(user, name) {
  if (user === me) return;
  clearTimeout(typers.get(user)?.timer);
  typers.delete(user);
  if (name) typers.set(user, { name, timer: setTimeout(() => typed(user), 6000) });
  const names = [...typers.values()].map((it) => it.name);
  const key = ["", "js-typing-one", "js-typing-two"][names.length] ?? "js-typing-many";
  typing.querySelector("[data-typing-text]").textContent = key && t(key, { a: names[0], b: names[1] });
  typing.hidden = names.length === 0;
}
on("typing", (frame) => frame.chat_id === chat && typed(frame.user_id, frame.on && frame.name));
// What somebody has sent they do not type any more.
on("message", (frame) => frame.chat_id === chat && typed(frame.author_id));

on("presence", (frame) => {
  const place = pane.querySelector("[data-presence]");
  if (place?.dataset.person !== frame.user_id) return;
  place.textContent = frame.online ? place.dataset.on : place.dataset.off;
  if (!frame.online && frame.seen_at) {
    const time = make("time", { dateTime: frame.seen_at });
    time.dataset.form = "card";
    place.append(`, ${place.dataset.seen} `, time);
    localize(place);
  }
  pane.querySelector(".chat-top .av")?.classList.toggle("on", frame.online);
  if ("node" in pane.dataset) pane.toggleAttribute("data-away", !frame.online);
  waits();
});

on("present", (frame) => {
  if (frame.chat_id === chat) pane.querySelector("[data-there]").textContent = `, ${frame.text}`;
});
