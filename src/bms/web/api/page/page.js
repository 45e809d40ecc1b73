// Renders /api/v1/openapi.json. Everything of it is put in as text, never as markup.

import { choose, say } from "./words.js";

const DEEPEST = 6;
const METHODS = ["get", "head", "post", "put", "patch", "delete"];
const main = document.getElementById("main");
const nav = document.getElementById("nav");
const find = document.getElementById("find");
const chosen = document.getElementById("language");
let described = null;

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// `code` between backticks and paragraphs between empty lines are all the Markdown that descriptions have.
function prose(text) {
  const pieces = (part) => part.split("`").map((piece, index) => (index % 2 ? make("code", {}, piece) : piece));
  return (text ?? "").split("\n\n").filter(Boolean).map((part) => make("p", {}, ...pieces(part)));
}

function target(reference) {
  return reference.slice(2).split("/").reduce((at, name) => at[name], described);
}

function kind(schema) {
  if (!schema) return say("any");
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(kind).join(" | ");
  if (schema.enum) return `${say("choices")} ${schema.enum.map((each) => JSON.stringify(each)).join(", ")}`;
  if (schema.type === "array") return `[${kind(schema.items ?? (schema.prefixItems ?? [])[0])}]`;
  if (schema.type === "object" && schema.additionalProperties?.constructor === Object)
    return `{…: ${kind(schema.additionalProperties)}}`;
  return [schema.type ?? say("any")].flat().join(" | ") + (schema.format ? ` (${schema.format})` : "");
}

function referred(schema) {
  if (!schema) return [];
  if (schema.$ref) return [schema.$ref];
  const inside = [...(schema.anyOf ?? []), ...(schema.prefixItems ?? []), schema.items, schema.additionalProperties];
  return inside.filter((each) => each instanceof Object).flatMap(referred);
}

function fields(schema, seen) {
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const required = (schema.required ?? []).includes(name);
    return make("li", {}, ...line(name, field, required, field.description), ...nested(field, seen));
  });
  return rows.length ? make("ul", { class: "fields" }, ...rows) : null;
}

function line(name, schema, required, about) {
  const preset = schema?.default === undefined ? null : `${say("preset")} ${JSON.stringify(schema.default)}`;
  return [
    make("code", { class: "field" }, name),
    make("span", { class: "kind" }, kind(schema)),
    required ? make("span", { class: "required" }, say("required")) : null,
    preset && preset.length < 80 ? make("span", { class: "kind" }, preset) : null,
    ...prose(about),
  ];
}

// Filled when it is opened: some schemas refer to one another for ever.
function nested(schema, seen) {
  return [...new Set(referred(schema))].filter((each) => seen.length < DEEPEST && !seen.includes(each)).map((each) => {
    const box = make("details", {}, make("summary", {}, each.split("/").pop()));
    box.addEventListener("toggle", () => box.childElementCount > 1 || box.append(...whole(target(each), [...seen, each])));
    return box;
  });
}

function whole(schema, seen) {
  return [...prose(schema.description), fields(schema, seen), ...nested({ ...schema, properties: null }, seen)].filter(Boolean);
}

function content(given) {
  return Object.entries(given ?? {}).flatMap(([media, { schema }]) => {
    const direct = schema?.$ref ? target(schema.$ref) : null;
    const inner = direct ? whole(direct, [schema.$ref]) : [...prose(schema?.description), ...nested(schema, [])];
    return [make("p", { class: "media" }, media, " ", make("span", { class: "kind" }, kind(schema))), ...inner];
  });
}

function parameters(operation) {
  if (!operation.parameters?.length) return [];
  const rows = operation.parameters.map((each) =>
    make("li", {}, ...line(each.name, each.schema, each.required, null),
      make("span", { class: "kind" }, say(`in_${each.in}`)), ...prose(each.description)));
  return [make("h4", {}, say("parameters")), make("ul", { class: "fields" }, ...rows)];
}

function answers(operation) {
  const boxes = Object.entries(operation.responses).map(([status, given]) => {
    const answer = given.$ref ? target(given.$ref) : given;
    const title = make("summary", {}, make("code", {}, status), " ", answer.description);
    const box = make("details", { class: status < "300" ? "good" : "bad" }, title, ...content(answer.content));
    box.open = status < "300" && Boolean(answer.content);
    return box;
  });
  return [make("h4", {}, say("answers")), ...boxes];
}

function curl(method, path, operation) {
  const parts = [`curl -X ${method.toUpperCase()} '${location.origin}${path}'`];
  if (operation.security?.length !== 0) parts.push(`-H "Authorization: Bearer $KEY"`);
  const media = Object.keys(operation.requestBody?.content ?? {})[0];
  if (media) parts.push(`-H 'Content-Type: ${media}'`, media === "application/json" ? "-d '{…}'" : "--data-binary @FILE");
  return parts.join(" \\\n  ");
}

function section({ method, path, operation }) {
  const body = operation.requestBody;
  return make("section", { id: operation.operationId },
    make("h3", {}, make("span", { class: `method ${method}` }, method.toUpperCase()), make("code", {}, path)),
    make("p", { class: "summary" }, operation.summary),
    ...prose(operation.description),
    make("p", { class: "permission" }, `${say("permission")}: `, make("code", {}, operation["x-permission"] ?? say("open"))),
    ...parameters(operation),
    ...(body ? [make("h4", {}, say("body")), ...content(body.content)] : []),
    ...answers(operation),
    make("h4", {}, say("example")), make("pre", {}, curl(method, path, operation)));
}

function operations() {
  return Object.entries(described.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ method, path, operation: item[method] })));
}

function matches({ method, path, operation }, words) {
  const text = [method, path, operation.summary, operation.description, operation.operationId].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function show() {
  for (const each of document.querySelectorAll("[data-say]")) each.textContent = say(each.dataset.say);
  nav.setAttribute("aria-label", say("operations"));
  find.placeholder = say("find");
  if (!described) return;
  document.getElementById("version").textContent = described.info.version;
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = operations().filter((each) => matches(each, words));
  nav.replaceChildren();
  main.replaceChildren(...(words.length ? [] : prose(described.info.description)));
  for (const { name, description } of described.tags) {
    const some = found.filter((each) => each.operation.tags[0] === name);
    if (!some.length) continue;
    nav.append(make("h2", {}, name), make("ul", {}, ...some.map(({ method, path, operation }) =>
      make("li", {}, make("a", { href: `#${operation.operationId}`, title: operation.summary },
        make("span", { class: `method ${method}` }, method.toUpperCase()), path)))));
    main.append(make("h2", {}, name), ...prose(description), ...some.map(section));
  }
  if (!found.length) main.append(make("p", {}, say("none")));
}

function toPlace() {
  document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

function kept() {
  try { return localStorage.getItem("bms-docs-language"); } catch { return null; }
}

chosen.value = choose(kept() ?? (navigator.language.startsWith("zh") ? "zh" : "en"));
chosen.addEventListener("change", () => {
  choose(chosen.value);
  try { localStorage.setItem("bms-docs-language", chosen.value); } catch { /* it is asked again next time */ }
  show();
});
find.addEventListener("input", show);
show();
try {
  const answer = await fetch("api/v1/openapi.json");
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  described = await answer.json();
  show();
  toPlace();
} catch (error) {
  main.replaceChildren(make("p", { class: "bad" }, say("failed") + error.message));
}
