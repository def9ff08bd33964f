/// <reference types="vite/client" />

declare module "*.graphql" {
  /** The document with the fragments that it spreads. */
  const text: string;
  export default text;
}
