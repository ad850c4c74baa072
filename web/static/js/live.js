// The last script of a signed-in page: the others listen by now, so that nothing the node says first is missed.
import { connect, post } from "./app.js";

connect();
// Times drawn by the node are in the zone of this browser; it is told when it is another one.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && zone !== document.body.dataset.zone) post("/settings/zone", { zone });
