import { describe, expect, it } from "vitest";

import { droppedFiles } from "@/features/slides/droppedFiles";

const file = (name: string): File => new File(["x"], name);

type Tree = File | { readonly name: string; readonly inside: readonly Tree[] };

/** Entries as a browser hands them out: a folder in parts of two. */
function entryOf(tree: Tree): FileSystemEntry {
  if (tree instanceof File) {
    return {
      name: tree.name,
      isFile: true,
      isDirectory: false,
      file: (done: (file: File) => void) => done(tree),
    } as unknown as FileSystemEntry;
  }
  const createReader = () => {
    const left = tree.inside.map(entryOf);
    return { readEntries: (done: (part: FileSystemEntry[]) => void) => done(left.splice(0, 2)) };
  };
  return { name: tree.name, isFile: false, isDirectory: true, createReader } as unknown as FileSystemEntry;
}

const dropped = (...trees: Tree[]): DataTransfer =>
  ({
    files: trees.map((tree) => (tree instanceof File ? tree : file(tree.name))),
    items: trees.map((tree) => ({ webkitGetAsEntry: () => entryOf(tree) })),
  }) as unknown as DataTransfer;

const names = (files: readonly File[]): string[] => files.map(({ name }) => name);

describe("what was dropped", () => {
  it("is files as they are", async () => {
    const { files, inFolders } = await droppedFiles(dropped(file("a.svs"), file("b.png")));
    expect([names(files), names(inFolders)]).toEqual([["a.svs", "b.png"], []]);
  });

  it("is all that lies in folders and their subfolders, but what is hidden", async () => {
    const day = { name: "day", inside: [file("b"), file("c"), file("d"), file(".DS_Store")] };
    const folder = { name: "scans", inside: [day, { name: ".trash", inside: [file("e")] }, file("f")] };
    const { files, inFolders } = await droppedFiles(dropped(file("a.svs"), folder));
    expect([names(files), names(inFolders)]).toEqual([["a.svs"], ["b", "c", "d", "f"]]);
  });
});
