// Audits the GraphQL server at argv[2] with the token in TOKEN, and prints one JSON line for each audit.
import { auditServer } from "graphql-http";

const fetchFn = (url, init = {}) =>
  fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${process.env.TOKEN}` } });

for (const result of await auditServer({ url: process.argv[2], fetchFn })) {
  const { id, name, status, reason } = result;
  console.log(JSON.stringify({ id, name, status, reason }));
}
