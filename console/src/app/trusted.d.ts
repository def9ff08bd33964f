/** Trusted Types, as far as the console uses them. */
interface TrustedTypesRules {
  createHTML?: (text: string) => string;
  createScriptURL?: (text: string) => string;
}
interface TrustedTypesPolicy {
  createScriptURL(text: string): string;
}
interface Window {
  trustedTypes?: { createPolicy(name: string, rules: TrustedTypesRules): TrustedTypesPolicy };
}
