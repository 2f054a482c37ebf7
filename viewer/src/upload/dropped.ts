// What was dropped on the page: files, and folders with whatever lies in them.
import type { Part } from "./datasets.ts";

/** The files of a drop. Must be called while the event is handled: afterwards the browser forgets its items. */
export async function droppedParts(data: DataTransfer): Promise<Part[]> {
  const entries = [...data.items].flatMap((item) => item.webkitGetAsEntry?.() ?? []);
  if (entries.length === 0) return chosenParts(data.files);
  return (await Promise.all(entries.map((entry) => walk(entry, "")))).flat();
}

/** The files of an input; a chosen folder tells where in it each lay. */
export function chosenParts(files: FileList): Part[] {
  return [...files].map((file) => ({ file, folder: file.webkitRelativePath.split("/").slice(0, -1).join("/") }));
}

async function walk(entry: FileSystemEntry, folder: string): Promise<Part[]> {
  if (entry.isFile) return [{ file: await fileOf(entry as FileSystemFileEntry), folder }];
  const inside = await entriesOf((entry as FileSystemDirectoryEntry).createReader());
  return (await Promise.all(inside.map((one) => walk(one, `${folder}/${entry.name}`)))).flat();
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** A reader gives a hundred entries at a time, and none at the end. */
async function entriesOf(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
  return some.length === 0 ? [] : [...some, ...(await entriesOf(reader))];
}
