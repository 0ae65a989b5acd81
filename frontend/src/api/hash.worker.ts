/** Hashes a file away from the page, so that nothing stutters. */

import { Sha256 } from "./sha256";

const PIECE_BYTES = 8 * 1024 * 1024;

export type HashMessage = { done: number } | { hex: string } | { error: string };

async function hash(file: Blob): Promise<void> {
  const digest = new Sha256();
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    digest.update(new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()));
    self.postMessage({ done: Math.min(file.size, at + PIECE_BYTES) } satisfies HashMessage);
  }
  self.postMessage({ hex: digest.hex() } satisfies HashMessage);
}

self.onmessage = ({ data }: MessageEvent<Blob>) => {
  hash(data).catch((error: unknown) => {
    self.postMessage({ error: String(error) } satisfies HashMessage);
  });
};
