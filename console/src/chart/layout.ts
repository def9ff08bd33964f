/** Where nodes lie: worked out in a worker, so that the page stays answerable. Nodes that have a place keep it. */
import workerUrl from "./layout.worker?worker&url";

export interface Place {
  x: number;
  y: number;
}

export interface Order {
  nodes: { id: string; place?: Place }[];
  edges: { source: string; target: string }[];
}

const policy = window.trustedTypes?.createPolicy("graphsvc-worker", {
  createScriptURL: (url) => {
    if (new URL(url, window.location.href).origin !== window.location.origin) throw new TypeError("not of this origin");
    return url;
  },
});

/** The places of all nodes; those given stay as they are. */
export function layOut(order: Order): Promise<Record<string, Place>> {
  const url = policy ? policy.createScriptURL(workerUrl) : workerUrl;
  const worker = new Worker(url, { type: "module" });
  return new Promise<Record<string, Place>>((resolve, reject) => {
    worker.onmessage = (event: MessageEvent<Record<string, Place>>) => resolve(event.data);
    worker.onerror = () => reject(new Error("the layout failed"));
    worker.postMessage(order);
  }).finally(() => worker.terminate());
}
