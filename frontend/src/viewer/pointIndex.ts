/** A spatial index over points, built in a worker so that a million of them never stop the page. */

import KDBush from "kdbush";

import type { RangeQuery } from "./points";

export function buildIndex(xy: Float32Array): KDBush {
  const index = new KDBush(xy.length / 2, 64, Float32Array);
  for (let i = 0; i < xy.length; i += 2) index.add(xy[i]!, xy[i + 1]!);
  return index.finish();
}

export function queryOf(index: KDBush): RangeQuery {
  return (box) => index.range(box.x, box.y, box.x + box.width, box.y + box.height);
}

/** Builds the index in a worker; the promise is cut off by the signal. */
export function indexInWorker(xy: Float32Array, signal: AbortSignal): Promise<RangeQuery> {
  const worker = new Worker(new URL("./pointIndex.worker.ts", import.meta.url), { type: "module" });
  return new Promise<RangeQuery>((resolve, reject) => {
    const stop = (reason: string): void => {
      worker.terminate();
      reject(new Error(reason));
    };
    signal.addEventListener("abort", () => stop("not needed any more"), { once: true });
    worker.onerror = () => stop("the index could not be built in the background");
    worker.onmessage = (event: MessageEvent<ArrayBuffer>) => {
      worker.terminate();
      resolve(queryOf(KDBush.from(event.data)));
    };
    worker.postMessage(xy);
  });
}
