// Where files come from beside the file dialog: a drop (of folders as well), the clipboard.

/** Drops onto a widget, and pastes into it or into the page whose only one it is. */
export class Intake {
  constructor(private readonly host: HTMLElement, private readonly take: (files: readonly File[]) => void) {
    host.addEventListener("dragover", (event) => this.over(event));
    host.addEventListener("dragleave", (event) => {
      if (!host.contains(event.relatedTarget as Node | null)) host.classList.remove("greenroom-over");
    });
    host.addEventListener("drop", (event) => this.dropped(event));
  }

  listen(): void { window.addEventListener("paste", this.pasted) }
  forget(): void { window.removeEventListener("paste", this.pasted) }

  private over(event: DragEvent): void {
    if (!hasFiles(event.dataTransfer) || this.host.matches(":disabled")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    this.host.classList.add("greenroom-over");
  }

  private dropped(event: DragEvent): void {
    this.host.classList.remove("greenroom-over");
    if (!hasFiles(event.dataTransfer) || this.host.matches(":disabled")) return;
    event.preventDefault();
    void filesOf(event.dataTransfer).then(this.take);
  }

  private pasted = (event: ClipboardEvent): void => {
    const files = [...event.clipboardData?.files ?? []];
    if (!files.length || isTyping(event.target) || event.defaultPrevented || this.host.matches(":disabled")) return;
    const only = document.querySelectorAll("greenroom-upload.greenroom-upgraded").length === 1;
    if (!only && !this.host.contains(event.target as Node)) return;
    event.preventDefault();
    this.take(files);
  };
}

/** The files of a drop; folders are opened, in the order of their names. */
async function filesOf(data: DataTransfer): Promise<File[]> {
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

const hasFiles = (data: DataTransfer | null): data is DataTransfer => !!data?.types.includes("Files");

/** Whether a paste belongs to what the person is writing. */
function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement
    && (target.isContentEditable || target.matches("textarea, select, input:not([type=file], [type=button], [type=checkbox], [type=range])"));
}
