// Node's fetch and its HTTP/2 client ask a platform, and openai-node, whose package lies in NODE_FOLDER: `node
// asks_node.mjs URL KEY`. Prints a line of JSON for each thing it tried.

import { createRequire } from "node:module";
import http2 from "node:http2";
import zlib from "node:zlib";

const [url, key] = process.argv.slice(2);
const { OpenAI } = createRequire(process.env.NODE_FOLDER)("openai");
const headers = { authorization: `Bearer ${key}` };
const IRIS = [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]];

async function tell(what, ask) {
  try {
    console.log(JSON.stringify({ what, got: await ask() }));
  } catch (error) {
    console.log(JSON.stringify({ what, refused: error.constructor.name, words: String(error.message).slice(0, 500) }));
  }
}

const post = (path, body, more = {}) => fetch(url + path, { method: "POST", headers: { ...headers, ...more }, body });
const said = async (answer) => ({ status: answer.status, ...(await answer.json()) });

await tell("fetch: a string", async () => said(await post("/v1/models/labels:predict", JSON.stringify({ instances: IRIS }))));
await tell("fetch: JSON", async () => said(await post("/v1/models/mixed:predict", JSON.stringify({ instances: IRIS }), { "content-type": "application/json" })));
await tell("fetch: a stream of gzip", async () => {
  const body = new Blob([JSON.stringify({ instances: IRIS })]).stream().pipeThrough(new CompressionStream("gzip"));
  const sent = { method: "POST", headers: { ...headers, "content-encoding": "gzip" }, body, duplex: "half" };
  return said(await fetch(`${url}/v1/models/mixed:predict`, sent));
});
await tell("fetch: a missing number", async () => {
  const body = JSON.stringify({ instances: [[1, NaN, 3, 4]] }); // which writes null
  return (await post("/v1/models/mixed:predict", body, { "content-type": "application/json" })).text(); // which may hold NaN
});
await tell("fetch: raw tensors", async () => {
  const rows = new Float32Array(IRIS.flat());
  const inputs = [{ name: "x", shape: [2, 4], datatype: "FP32", parameters: { binary_data_size: rows.byteLength } }];
  const head = new TextEncoder().encode(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
  const answer = await post("/v2/models/mixed/infer", new Blob([head, rows]), { "inference-header-content-length": String(head.length) });
  const size = Number(answer.headers.get("inference-header-content-length"));
  return [...new Float32Array((await answer.arrayBuffer()).slice(size))];
});
await tell("fetch: server-sent events", async () => {
  const answer = await post("/v2/models/mixed/generate_stream", JSON.stringify({ x: IRIS[0] }));
  let text = "";
  for await (const part of answer.body.pipeThrough(new TextDecoderStream())) text += part;
  return [answer.headers.get("content-type"), JSON.parse(text.trim().replace("data: ", "")).y];
});
await tell("fetch: given up", async () => fetch(`${url}/v2/health/live`, { signal: AbortSignal.abort() }));
await tell("fetch: no such model", async () => (await post("/v1/models/nothing:predict", "{}")).status);

await tell("http2: many at once", async () => {
  const session = http2.connect(url);
  const one = (path, body) => new Promise((resolve, reject) => {
    const stream = session.request({ ":method": body ? "POST" : "GET", ":path": path, "accept-encoding": "gzip", ...headers });
    const parts = [];
    let head;
    stream.on("response", (got) => (head = got));
    stream.on("data", (part) => parts.push(part));
    stream.on("error", reject);
    stream.on("end", () => {
      const data = Buffer.concat(parts);
      resolve([head[":status"], JSON.parse(head["content-encoding"] === "gzip" ? zlib.gunzipSync(data) : data)]);
    });
    stream.end(body);
  });
  const many = Array(500).fill(IRIS[0]);
  const all = await Promise.all([
    one("/v1/models/mixed:predict", JSON.stringify({ instances: IRIS })),
    one("/v1/models/mixed:predict", JSON.stringify({ instances: many })),
    one("/v2/health/live"),
    one("/api/v1/whoami"),
  ]);
  session.close();
  return [all[0], [all[1][0], all[1][1].predictions.length], all[2], [all[3][0], all[3][1].role]];
});

const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const refused = async (ask) => {
  try {
    await ask();
    return ["answered"];
  } catch (error) {
    return [error.constructor.name, error.status, error.type, error.code];
  }
};
await tell("openai: embeddings", async () => (await openai.embeddings.create({ model: "mixed", input: ["a", "bcd"] })).data.map((each) => each.embedding));
await tell("openai: as floats", async () => (await openai.embeddings.create({ model: "mixed", input: "a", encoding_format: "float" })).data[0].embedding);
await tell("openai: models", async () => {
  const names = [];
  for await (const model of openai.models.list()) names.push(model.id);
  return names.sort();
});
await tell("openai: no such model", () => refused(() => openai.models.retrieve("nothing")));
await tell("openai: chat", () => refused(() => openai.chat.completions.create({ model: "mixed", messages: [{ role: "user", content: "hello" }] })));
