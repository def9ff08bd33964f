// The explorer: asks /graphql with the token typed in, and shows the schema. Nothing is stored, nothing comes from elsewhere.
"use strict";

const byId = (id) => document.getElementById(id);
const TYPE = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
const SCHEMA = `{ __schema {
  queryType { name } mutationType { name }
  types { name kind description
    fields { name description args { name description defaultValue type { ${TYPE} } } type { ${TYPE} } }
    inputFields { name description type { ${TYPE} } }
    enumValues { name description } } } }`;
let types = [];

function headers() {
  const sent = { "content-type": "application/json", accept: "application/graphql-response+json" };
  if (byId("token").value) sent.authorization = `Bearer ${byId("token").value.trim()}`;
  const footing = { "graphsvc-purpose": "purpose", "graphsvc-legal-basis": "basis", "graphsvc-case": "case" };
  for (const [name, id] of Object.entries(footing)) if (byId(id).value) sent[name] = byId(id).value.trim();
  return sent;
}

async function send(query, variables) {
  const body = JSON.stringify({ query, variables });
  const response = await fetch("graphql", { method: "POST", headers: headers(), body, credentials: "omit" });
  return [response.status, await response.json()];
}

async function ask() {
  let variables;
  try {
    variables = JSON.parse(byId("variables").value || "{}");
  } catch (error) {
    byId("status").textContent = `the variables are no JSON: ${error.message}`;
    return;
  }
  byId("status").textContent = "…";
  const began = performance.now();
  try {
    const [status, answer] = await send(byId("query").value, variables);
    byId("status").textContent = `${status}, ${Math.round(performance.now() - began)} ms`;
    byId("answer").textContent = JSON.stringify(answer, null, 2);
  } catch (error) {
    byId("status").textContent = `no answer: ${error.message}`;
  }
}

function written(type) {
  if (type.kind === "NON_NULL") return `${written(type.ofType)}!`;
  return type.kind === "LIST" ? `[${written(type.ofType)}]` : type.name;
}

function signature(field) {
  const given = (field.args || []).map((one) => `${one.name}: ${written(one.type)}`);
  return `${field.name}${given.length ? `(${given.join(", ")})` : ""}: ${written(field.type)}`;
}

function show() {
  const wanted = byId("find").value.trim().toLowerCase();
  const list = document.createElement("dl");
  const add = (tag, text) => { list.append(Object.assign(document.createElement(tag), { textContent: text })); };
  for (const type of types) {
    const members = [...(type.fields || []), ...(type.inputFields || [])];
    const named = type.name.toLowerCase().includes(wanted);
    const found = members.filter((one) => named || one.name.toLowerCase().includes(wanted));
    if (!found.length && !(named && type.enumValues)) continue;
    add("dt", `${type.kind.toLowerCase().replace("_", " ")} ${type.name}`);
    if (type.description) add("dd", type.description);
    for (const one of found) add("dd", `${signature(one)}${one.description ? ` — ${one.description}` : ""}`);
    for (const one of type.enumValues || []) add("dd", `${one.name}${one.description ? ` — ${one.description}` : ""}`);
  }
  byId("schema").replaceChildren(list);
}

async function load() {
  if (types.length) return show();
  const [, answer] = await send(SCHEMA, {});
  if (!answer.data) return void (byId("schema").textContent = answer.errors.map((one) => one.message).join("\n"));
  const first = [answer.data.__schema.queryType.name, answer.data.__schema.mutationType.name];
  const rank = (type) => (first.includes(type.name) ? first.indexOf(type.name) : first.length);
  types = answer.data.__schema.types.filter((type) => !type.name.startsWith("__"));
  types.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  return show();
}

byId("ask").addEventListener("click", ask);
byId("footing").addEventListener("submit", (event) => event.preventDefault());
byId("find").addEventListener("focus", () => load().catch((error) => { byId("schema").textContent = error.message; }));
byId("find").addEventListener("input", show);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask();
});
