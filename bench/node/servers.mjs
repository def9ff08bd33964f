// One answer by graphql-yoga and by mercurius with its JIT, as bench/graphql.py asks for it: in this process, without a
// socket, from objects that are there already. Standard input says what; standard output has, by name, the median
// milliseconds of CPU an answer, and the answer.

import { readFileSync } from "node:fs";
import Fastify from "fastify";
import { createSchema, createYoga } from "graphql-yoga";
import mercurius from "mercurius";

const { schema, document, variables, data, rounds, warm } = JSON.parse(readFileSync(0, "utf8"));
const resolvers = { Query: { expand: async () => data.expand } };

/** Yoga's way from a request to the bytes of its response; it remembers parsed and validated documents by itself. */
function yoga() {
  const made = createYoga({ schema: createSchema({ typeDefs: schema, resolvers }), logging: false, graphiql: false });
  const body = JSON.stringify({ query: document, variables });
  const headers = { "content-type": "application/json", accept: "application/json" };
  return async () => (await made.fetch("http://localhost/graphql", { method: "POST", headers, body })).text();
}

/** Mercurius compiles a document when it is asked for the first time. */
async function mercuriusJit() {
  const app = Fastify();
  await app.register(mercurius, { schema, resolvers, jit: 1 });
  await app.ready();
  return async () => JSON.stringify(await app.graphql(document, undefined, variables));
}

const asks = { yoga: yoga(), mercurius_jit: await mercuriusJit() };
const seen = { yoga: [], mercurius_jit: [] };
const told = { node: process.version };

for (const [name, ask] of Object.entries(asks)) {
  for (let turn = 0; turn < warm; turn += 1) await ask();
  told[name] = { answer: JSON.parse(await ask()) };
}
for (let turn = 0; turn < rounds; turn += 1) {
  const order = Object.keys(asks);
  for (const name of turn % 2 ? order.reverse() : order) {
    const begun = process.cpuUsage();
    await asks[name]();
    const { user, system } = process.cpuUsage(begun);
    seen[name].push((user + system) / 1000);
  }
}
for (const [name, times] of Object.entries(seen)) {
  told[name].cpu_ms = times.sort((a, b) => a - b)[times.length >> 1];
}
process.stdout.write(JSON.stringify(told));
