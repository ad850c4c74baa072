// A photo is cut square before it leaves the browser: drawn, moved and enlarged on a canvas. The node does it all
// again, and without this script by itself.
import { login, toast } from "./app.js";
import { t } from "./i18n.js";

const box = document.querySelector(".photo");
const form = box.querySelector("form[data-crop]");
const remove = box.querySelector("[data-photo-remove]");
const field = form.elements.photo;
const dialog = document.querySelector("[data-crop-dialog]");
const canvas = dialog.querySelector("canvas");
const zoom = dialog.querySelector("input[type=range]");
const brush = canvas.getContext("2d");
const MOST = 5 * 1024 * 1024;
let image = null;
let at = { x: 0.5, y: 0.5 };

// The side of the square in pixels of the photo.
const side = () => Math.min(image.width, image.height) / Number(zoom.value);

function draw() {
  const length = side();
  const inside = (centre, whole) => Math.min(Math.max(centre * whole, length / 2), whole - length / 2);
  const [x, y] = [inside(at.x, image.width), inside(at.y, image.height)];
  at = { x: x / image.width, y: y / image.height };
  brush.clearRect(0, 0, canvas.width, canvas.height);
  brush.imageSmoothingQuality = "high";
  brush.drawImage(image, x - length / 2, y - length / 2, length, length, 0, 0, canvas.width, canvas.height);
}

function move(dx, dy) {
  at = { x: at.x - (dx * side()) / image.width, y: at.y - (dy * side()) / image.height };
  draw();
}

// What is wrong with the photo; nothing when it is right.
function say(text) {
  box.querySelector("#photo-error:not([data-photo-error])")?.remove(); // drawn by the node
  const line = box.querySelector("[data-photo-error]");
  line.id = "photo-error";
  line.lastElementChild.textContent = text;
  line.hidden = !text;
  field.setAttribute("aria-invalid", String(text !== ""));
}

const parsed = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");

// What is typed beside the picture stays: only the picture is drawn anew.
async function send(to, data) {
  const answer = await fetch(to, { method: "POST", body: data, redirect: "manual" }).catch(() => null);
  if (!answer) return toast(t("js-not-saved"), null, null, true);
  if (answer.status === 401 || answer.status === 403) return login();
  // The page that would have been shown: what is wrong stands in it.
  if (answer.type !== "opaqueredirect") return say((await parsed(answer)).querySelector("#photo-error")?.textContent.trim() || t("js-not-saved"));
  const fresh = await fetch(location.href).then(parsed).catch(() => null);
  const avatar = fresh?.querySelector(".photo .av");
  if (!avatar) return location.reload();
  box.querySelector(".av").replaceWith(avatar);
  remove.hidden = fresh.querySelector("[data-photo-remove]").hidden;
  say("");
  toast(t("js-saved"));
}

function sendPhoto(blob) {
  const data = new FormData(form);
  data.set("photo", blob, "photo");
  return send(form.action, data);
}

remove.addEventListener("submit", (event) => {
  event.preventDefault();
  send(remove.action, new URLSearchParams(new FormData(remove)));
});
field.addEventListener("change", async () => {
  const [file] = field.files;
  if (!file) return;
  image = await createImageBitmap(file).catch(() => null);
  // What the browser cannot open, and what the node would not take, is for the node to judge or to refuse here.
  if (file.size > MOST) return say(t("js-photo-large"));
  if (!image) return sendPhoto(file);
  at = { x: 0.5, y: 0.5 };
  zoom.value = "1";
  draw();
  dialog.showModal();
});

zoom.addEventListener("input", draw);
canvas.addEventListener("pointermove", (event) => {
  if (!event.buttons) return;
  canvas.setPointerCapture(event.pointerId);
  move(event.movementX / canvas.clientWidth, event.movementY / canvas.clientHeight);
});
canvas.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, -0.05], ArrowDown: [0, 0.05] }[event.key];
  if (!step) return;
  event.preventDefault();
  move(...step);
});
dialog.addEventListener("close", () => {
  if (dialog.returnValue === "use") canvas.toBlob(sendPhoto, "image/png");
  field.value = "";
});
form.querySelector("[data-photo-send]").hidden = true;
