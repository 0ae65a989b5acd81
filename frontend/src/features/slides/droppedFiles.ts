/** What somebody dropped: files as they are, folders with all that lies in them. */

export interface Dropped {
  readonly files: File[];
  readonly inFolders: File[];
}

const isHidden = (name: string): boolean => name.startsWith(".");

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));

/** A folder hands out its entries in parts; an empty part is the last. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (part.length === 0) return found;
    found.push(...part);
  }
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (isHidden(entry.name)) return [];
  if (entry.isFile) return [await fileOf(entry as FileSystemFileEntry)];
  const found: File[] = [];
  for (const inside of await entriesOf(entry as FileSystemDirectoryEntry))
    found.push(...(await filesIn(inside)));
  return found;
}

/** The list of dropped things is empty after the event: all of it is taken at once, and read afterwards. */
export async function droppedFiles(data: DataTransfer): Promise<Dropped> {
  const plain = [...data.files];
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const folders = entries.filter((entry) => entry?.isDirectory);
  if (folders.length === 0) return { files: plain, inFolders: [] };
  const files: File[] = [];
  const inFolders: File[] = [];
  for (const entry of entries) {
    if (entry?.isDirectory) inFolders.push(...(await filesIn(entry)));
    else if (entry) files.push(await fileOf(entry as FileSystemFileEntry));
  }
  return { files, inFolders };
}
