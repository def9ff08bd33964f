/** What the service tells everybody beforehand: the log that answers are checked against, and code lists. */

export interface Code {
  code: string;
  title: string;
}

export interface Service {
  origin: string;
  logKey: string;
  purposes: Code[];
  legalBases: Code[];
  couriers: string[];
  kinds: Record<string, { title: string; keys: string[][] }>;
}

export async function readService(): Promise<Service> {
  const response = await fetch("/console/service.json", { cache: "no-cache" });
  if (!response.ok) throw new Error(`service.json: ${response.status}`);
  return (await response.json()) as Service;
}
