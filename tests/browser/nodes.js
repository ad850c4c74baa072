// Real nodes for a test: one process and one temporary data folder each, ended by process id.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = process.env.CHATER_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/chater");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Node {
  constructor(name, language, options = []) {
    this.name = name;
    this.language = language;
    this.options = options;
    this.inside = []; // a command that starts the program, such as one that gives it a disk of its own
    this.base = mkdtempSync(join(tmpdir(), "chater-browser-"));
    this.folder = join(this.base, "data");
    this.ports = { web: 0, p2p: 0 };
  }

  // Starts it, on the same ports again after the first time, and waits until it answers.
  async up() {
    const words = [
      "--data-dir", this.folder, "--name", this.name, "--language", this.language, "--no-mdns",
      "--web-addr", `127.0.0.1:${this.ports.web}`, "--p2p-addr", `/ip4/127.0.0.1/tcp/${this.ports.p2p}`,
      ...this.options,
    ];
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("CHATER_")));
    this.log = "";
    this.killed = false;
    const [command, ...rest] = [...this.inside, program, ...words];
    this.process = spawn(command, rest, { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (text) => (this.log += text));
    this.ended = new Promise((done) => this.process.once("exit", done));
    for (let tries = 0; tries < 400; tries += 1) {
      const running = this.#running();
      if (running) {
        this.p2p = running.p2p.find((address) => address.includes("/tcp/"));
        this.url = running.web[0].replace(/\/$/, "");
        this.ports = { web: Number(new URL(this.url).port), p2p: Number(this.p2p.split("/")[4]) };
        return this;
      }
      if (this.process.exitCode !== null) break;
      await pause(50);
    }
    throw new Error(`${this.name} did not start:\n${this.log}`);
  }

  #running() {
    try {
      // A disk of its own is seen through the process alone.
      const root = this.inside.length > 0 ? `/proc/${this.process.pid}/root` : "";
      const running = JSON.parse(readFileSync(root + join(this.folder, "run.json"), "utf8"));
      return running.pid === this.process.pid && running.p2p.length > 0 ? running : null;
    } catch {
      return null;
    }
  }

  async down(signal = "SIGTERM") {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.killed = true;
    this.process.kill(signal);
    await this.ended;
  }

  async remove() {
    const fell = this.process && !this.killed && (this.process.exitCode ?? this.process.signalCode);
    await this.down();
    if (fell) throw new Error(`${this.name} ended by itself (${fell}):\n${this.log}`);
    rmSync(this.base, { recursive: true, force: true });
  }
}

// Fills the folder of a stopped node: see node/engine/examples/seed.rs.
export function seed(node, ...words) {
  const tool = join(dirname(program), "examples/seed");
  const done = spawnSync(tool, [node.folder, ...words.map(String)], { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${tool} ${words[0]}: ${done.error ?? done.stderr}`);
}

// A person at the API of a node: quicker than a browser where only the other side is looked at.
export class Caller {
  constructor(node, nick) {
    Object.assign(this, { node, nick });
  }

  async #call(method, path, body) {
    for (;;) {
      const headers = { "Content-Type": "application/json", ...(this.token && { Authorization: `Bearer ${this.token}` }) };
      const answer = await fetch(`${this.node.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
      if (answer.ok) return answer.status === 204 ? null : answer.json();
      if (answer.status !== 429) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
      await pause(1000 * Number(answer.headers.get("Retry-After") ?? 1));
    }
  }

  async registers(password) {
    const { token, user } = await this.#call("POST", "/users", { nick: this.nick, password });
    Object.assign(this, { token, id: user?.user_id });
    return this;
  }

  async logsIn(password) {
    this.token = (await this.#call("POST", "/sessions", { nick: this.nick, password })).token;
    return this;
  }

  // The chat with somebody; it is made if there is none.
  async chatWith(address) {
    const answer = await this.#call("POST", "/chats", { with: address });
    return (answer.chat ?? answer).id;
  }

  // The chat with somebody whose node may still be on its way here: the search makes the person known.
  async finds(address) {
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.chatWith(address);
      } catch (error) {
        if (tries >= 100) throw error;
        await this.#call("GET", `/people?q=${encodeURIComponent(address.split("@")[0])}&wait_ms=500`);
        await pause(100);
      }
    }
  }

  // A group with people of any nodes, by their addresses; they must be known here.
  async gathers(title, members) {
    const answer = await this.#call("POST", "/chats", { title, members });
    return (answer.chat ?? answer).id;
  }

  // As the owner: a community of the node, a link into it, and coming in by one.
  async foundsCommunity(name) {
    return (await this.#call("POST", "/communities", { name })).id;
  }

  async invitesNode(community, uses) {
    return (await this.#call("POST", `/communities/${community}/invites`, { uses, days: 7 })).link;
  }

  joinsCommunity(link) {
    return this.#call("POST", "/communities/join", { link });
  }

  // The id of another node by its name.
  async nodeNamed(name) {
    const { peers } = await this.#call("GET", "/node");
    return peers.find((peer) => peer.name === name)?.node_id;
  }

  // Waits until a message of somebody else is here.
  async receives(chat, text) {
    for (let tries = 0; tries < 200; tries += 1) {
      // A group may still be on its way.
      const messages = await this.messages(chat, 50).catch(() => []);
      if (messages.some((message) => message.text === text)) return;
      await pause(50);
    }
    throw new Error(`${this.nick} did not get «${text}»`);
  }

  sends(chat, text) {
    return this.#call("POST", `/chats/${chat}/messages`, { text });
  }

  async messages(chat, limit = 200) {
    return (await this.#call("GET", `/chats/${chat}/messages?limit=${limit}`)).messages;
  }
}

// Two linked nodes.
export async function pair(language) {
  const dom = await new Node("dom", language).up();
  const dacha = await new Node("dacha", language, ["--peer", dom.p2p]).up();
  return { dom, dacha };
}
