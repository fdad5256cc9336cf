// Where files come from beside the file dialog: a drop (of folders as well), the clipboard.

/** A file, or the name of something that cannot be read. */
export type Found = File | string;

/** Drops onto a widget, and pastes into it or into the page whose only one it is. */
export class Intake {
  constructor(private readonly host: HTMLElement, private readonly take: (files: readonly Found[]) => void) {
    host.addEventListener("dragover", (event) => this.#over(event));
    host.addEventListener("dragleave", (event) => {
      if (!host.contains(event.relatedTarget as Node | null)) host.classList.remove("greenroom-over");
    });
    host.addEventListener("drop", (event) => this.#dropped(event));
  }

  listen(signal: AbortSignal): void { addEventListener("paste", (event) => this.#pasted(event), { signal }) }

  /** Whether it takes files now: not while it is disabled, or behind a dialog such as its own editor. */
  get #isOpen(): boolean {
    const dialog = document.querySelector(":modal");
    return !this.host.matches(":disabled") && (!dialog || dialog.contains(this.host));
  }

  #over(event: DragEvent): void {
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault(); // also if it is not taken: else the browser opens it in the place of the page
    event.dataTransfer.dropEffect = this.#isOpen ? "copy" : "none";
    this.host.classList.toggle("greenroom-over", this.#isOpen);
  }

  #dropped(event: DragEvent): void {
    this.host.classList.remove("greenroom-over");
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    if (this.#isOpen) void filesOf(event.dataTransfer).then(this.take);
  }

  #pasted(event: ClipboardEvent): void {
    const files = [...event.clipboardData?.files ?? []];
    if (!files.length || isTyping(event.target) || event.defaultPrevented || !this.#isOpen) return;
    const only = document.querySelectorAll("greenroom-upload.greenroom-upgraded").length === 1;
    if (!only && !this.host.contains(event.target as Node)) return;
    event.preventDefault();
    this.take(files);
  }
}

/** The files of a drop; folders are opened, in the order of their names. */
async function filesOf(data: DataTransfer): Promise<Found[]> {
  // Entries must be taken before the first await: afterwards the browser has emptied the list.
  const entries = [...data.items].map((each) => each.webkitGetAsEntry());
  if (!entries.some((each) => each?.isDirectory)) return [...data.files];
  const found = await Promise.all(entries.map(async (each) => {
    const files = each ? await inside(each) : [];
    return each && !files.length ? [each.name] : files;
  }));
  return found.flat();
}

async function inside(entry: FileSystemEntry): Promise<Found[]> {
  try {
    if (entry.isFile) {
      return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    const children: FileSystemEntry[] = [];
    for (let some; !some || some.length; children.push(...some)) { // a reader gives a hundred at a time
      some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    }
    children.sort((one, other) => one.name.localeCompare(other.name));
    return (await Promise.all(children.filter((each) => !each.name.startsWith(".")).map(inside))).flat();
  } catch {
    return [entry.name];
  }
}

const hasFiles = (data: DataTransfer | null): data is DataTransfer => !!data?.types.includes("Files");

/** Whether a paste belongs to what the person is writing. */
function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement
    && (target.isContentEditable || target.matches("textarea, select, input:not([type=file], [type=button], [type=checkbox], [type=range])"));
}
