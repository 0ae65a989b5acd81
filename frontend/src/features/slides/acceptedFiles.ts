/** Which files are worth sending: refused here in words, before gigabytes travel. The server looks again. */

import { words } from "@/words";

export const ACCEPTED = [".svs", ".ndpi", ".scn", ".bif", ".tif", ".tiff", ".png", ".jpg", ".jpeg"] as const;

export interface Sorted {
  readonly accepted: File[];
  readonly refused: string[];
}

function reasonAgainst(file: File): string | null {
  const name = file.name.toLowerCase();
  if (!ACCEPTED.some((ending) => name.endsWith(ending))) return words.slides.uploads.refusedType(file.name);
  return file.size === 0 ? words.slides.uploads.empty(file.name) : null;
}

export function sortFiles(files: Iterable<File>): Sorted {
  const accepted: File[] = [];
  const refused: string[] = [];
  for (const file of files) {
    const reason = reasonAgainst(file);
    if (reason) refused.push(reason);
    else accepted.push(file);
  }
  return { accepted, refused };
}
