// A node of another make (js-libp2p) meets a Chater node: it connects, identifies, pings, asks for what it may not have, and
// sends garbage over every protocol. Prints one line of JSON at the end; `tests/nodes/foreign.rs` reads it.
//
// node peer.mjs MULTIADDR [SEED]

import "./old.mjs";
import { createLibp2p } from "libp2p";
import { tcp } from "@libp2p/tcp";
import { noise } from "@libp2p/noise";
import { yamux } from "@libp2p/yamux";
import { identify } from "@libp2p/identify";
import { ping } from "@libp2p/ping";
import { multiaddr } from "@multiformats/multiaddr";

const target = multiaddr(process.argv[2]);
let seed = Number(process.argv[3] ?? 1) >>> 0;
const OWN = ["/chater/hello/1", "/chater/log/1", "/chater/people/1", "/chater/blob/1", "/chater/push/1"];

/** xorshift: the same garbage for the same seed. */
function random(length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) {
    seed ^= seed << 13; seed >>>= 0;
    seed ^= seed >>> 17;
    seed ^= seed << 5; seed >>>= 0;
    bytes[at] = seed & 255;
  }
  return bytes;
}

function framed(body) {
  const frame = new Uint8Array(body.length + 4);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, 4);
  return frame;
}

const after = (ms) => new Promise((done) => setTimeout(done, ms));

function node() {
  return createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping() },
    connectionManager: { reconnectRetries: 0 },
  });
}

/** What comes back over one stream after this was sent: bytes, or how it ended. */
async function says(connection, protocol, pieces, close = true) {
  let stream;
  try {
    stream = await connection.newStream(protocol, { signal: AbortSignal.timeout(5000) });
  } catch (error) {
    return `no stream: ${error.name}`;
  }
  let length = 0;
  const reading = (async () => {
    for await (const piece of stream) length += piece.byteLength;
    return "ended";
  })().catch((error) => error.name ?? "failed");
  try {
    for (const piece of pieces) {
      if (!stream.send(piece)) await Promise.race([stream.onDrain?.() ?? after(50), after(2000)]);
    }
    if (close) await stream.close({ signal: AbortSignal.timeout(2000) });
  } catch {
    // It was closed on us: that is an answer too.
  }
  const end = await Promise.race([reading, after(3000).then(() => "waits")]);
  stream.abort(new Error("done"));
  return length > 0 ? `${length} bytes` : end;
}

const report = { garbage: {} };
const first = await node();
const connection = await first.dial(target, { signal: AbortSignal.timeout(10000) });

// Identify comes by itself after the connection.
for (let n = 0; n < 100 && report.agent === undefined; n += 1) {
  const known = await first.peerStore.get(connection.remotePeer).catch(() => undefined);
  const agent = known?.metadata.get("AgentVersion");
  if (agent !== undefined) {
    report.agent = new TextDecoder().decode(agent);
    report.protocols = known.protocols;
  } else {
    await after(50);
  }
}
report.ping = await first.services.ping.ping(connection.remotePeer, { signal: AbortSignal.timeout(5000) });

// What it may not have before it greets: no answer has a single byte.
report.refused = {};
for (const protocol of OWN.slice(1)) report.refused[protocol] = await says(connection, protocol, [framed(random(40))]);
report.hop = await says(connection, "/libp2p/circuit/relay/0.2.0/hop", [random(8)]);

// A connection that says nothing ends by itself.
const began = Date.now();
for (let n = 0; n < 300 && connection.status === "open"; n += 1) await after(50);
report.closedAfterMs = connection.status === "open" ? null : Date.now() - began;
await first.stop();

// Garbage over every protocol that is offered, each time as somebody else.
const kinds = {
  random: () => [random(4096)],
  "length without end": () => [new Uint8Array([255, 255, 255, 255]), random(65536)],
  "frame of garbage": () => [framed(random(2000))],
  "empty frame": () => [framed(new Uint8Array(0))],
  "half a frame": () => [framed(random(500)).subarray(0, 100)],
  "deep nesting": () => [framed(new Uint8Array(8000).fill(0x81))],
  "a map of everything": () => [framed(new Uint8Array([0xbb, 255, 255, 255, 255, 255, 255, 255, 255]))],
  "nothing at all": () => [],
};
for (const protocol of report.protocols ?? OWN) {
  const bad = await node();
  try {
    const link = await bad.dial(target, { signal: AbortSignal.timeout(10000) });
    const ends = await Promise.all(Object.values(kinds).map((make) => says(link, protocol, make())));
    report.garbage[protocol] = Object.fromEntries(Object.keys(kinds).map((kind, at) => [kind, ends[at]]));
    // B24: many streams at once that are opened and left.
    await Promise.all(Array.from({ length: 200 }, () => says(link, protocol, [random(3)], false).catch(() => "")));
  } catch (error) {
    report.garbage[protocol] = { error: error.name };
  }
  await bad.stop();
}

console.log(JSON.stringify(report));
process.exit(0);
