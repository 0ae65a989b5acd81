/** Background side of the spatial index: points in, the index's memory out. */

import { buildIndex } from "./pointIndex";

self.onmessage = (event: MessageEvent<Float32Array>) => {
  const { data } = buildIndex(event.data);
  self.postMessage(data, { transfer: [data] });
};
