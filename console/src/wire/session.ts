/** Who is logged in. Tokens never reach this page: it has a cookie that it can't read, and the guard for its requests. */

export interface Session {
  org: string;
  person: string;
  roles: string[];
  csrf: string;
  idleSeconds: number;
  longestSeconds: number;
}

/** What a request with a session's cookie must have beside it. */
export const guard = (session: Session): Record<string, string> => ({ "graphsvc-csrf": session.csrf });

/** The session, or null where nobody is logged in. Throws Error where the service can't be reached. */
export async function readSession(): Promise<Session | null> {
  const response = await fetch("/session", { cache: "no-store" });
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(`/session: ${response.status}`);
  return (await response.json()) as Session;
}

/** Sends the browser to the identity provider, and then back to where it is now. */
export function login(): void {
  window.location.assign(`/session/login?return=${encodeURIComponent(window.location.pathname)}`);
}

/** Ends the session, here and at the provider. */
export async function logout(session: Session): Promise<void> {
  await fetch("/session/logout", { method: "POST", headers: guard(session) });
}
