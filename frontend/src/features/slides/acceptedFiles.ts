/** Which files are worth sending: refused here in words, before gigabytes travel. The server looks again. */

import { words } from "@/words";

export const ACCEPTED = [
  ".svs",
  ".ndpi",
  ".scn",
  ".bif",
  ".tif",
  ".tiff",
  ".png",
  ".jpg",
  ".jpeg",
  ".zip",
] as const;
/** Each of these is one of the several files of a slide. */
const OF_SEVERAL = [".mrxs", ".vms", ".dcm"] as const;
const PICTURES = [".jpg", ".jpeg"] as const;

export interface Sorted {
  readonly accepted: File[];
  readonly refused: string[];
  /** Names of files that belong to a slide of several files. */
  readonly toZip: string[];
}

const hasEnding = (file: File, endings: readonly string[]): boolean =>
  endings.some((ending) => file.name.toLowerCase().endsWith(ending));

function reasonAgainst(file: File): string | null {
  if (!hasEnding(file, ACCEPTED)) return words.slides.uploads.refusedType(file.name);
  return file.size === 0 ? words.slides.uploads.empty(file.name) : null;
}

export function sortFiles(files: Iterable<File>): Sorted {
  const all = [...files];
  const named = all.filter((file) => hasEnding(file, OF_SEVERAL));
  // A VMS slide's pixels are JPEGs of its name: alone, each would be taken for a slide.
  const stems = named
    .filter((file) => hasEnding(file, [".vms"]))
    .map(({ name }) => name.slice(0, -".vms".length));
  const accepted: File[] = [];
  const refused: string[] = [];
  for (const file of all) {
    const isPicture = hasEnding(file, PICTURES) && stems.some((stem) => file.name.startsWith(stem));
    if (isPicture || named.includes(file)) continue;
    const reason = reasonAgainst(file);
    if (reason) refused.push(reason);
    else accepted.push(file);
  }
  return { accepted, refused, toZip: named.map(({ name }) => name) };
}
