// Where files come from: the file dialog, a drop (of folders as well), the clipboard.

/** The files of a drop; folders are opened, in the order of their names. */
export async function filesOf(data: DataTransfer): Promise<File[]> {
  // Entries must be taken before the first await: afterwards the browser has emptied the list.
  const entries = [...data.items].map((each) => each.webkitGetAsEntry?.() ?? null);
  const plain = [...data.files];
  if (!entries.some((each) => each?.isDirectory)) return plain;
  const found = await Promise.all(entries.map((each) => (each ? inside(each) : [])));
  return found.flat();
}

async function inside(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const children: FileSystemEntry[] = [];
  for (;;) { // a reader gives a hundred at a time
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    children.push(...some);
  }
  children.sort((one, other) => one.name.localeCompare(other.name));
  return (await Promise.all(children.filter((each) => !each.name.startsWith(".")).map(inside))).flat();
}

export const hasFiles = (data: DataTransfer | null): data is DataTransfer => !!data?.types.includes("Files");

/** Whether a paste belongs to what the person is writing. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement
    && (target.isContentEditable || target.matches("textarea, select, input:not([type=file], [type=button], [type=checkbox], [type=range])"));
}
