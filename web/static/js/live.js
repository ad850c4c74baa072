// The last script of a signed-in page: the others listen by now, so that nothing the node says first is missed.
import { connect } from "./app.js";

connect();
