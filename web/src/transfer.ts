// How bytes move, as the element sees it. What does it is a chunk of its own, loaded when the first upload starts.

export interface Job {
  readonly file: File;
  readonly endpoint: string;
  readonly policy: string;
  /** Where an upload that broke off goes on, or "". */
  readonly url: string;
  readonly headers: () => Record<string, string>;
  readonly onUrl: (url: string) => void;
  readonly onProgress: (sent: number) => void;
  readonly onRetry: () => void;
  readonly onDone: (token: string) => void;
  readonly onFailure: (failure: Failure) => void;
}

/** `refused` says that trying again would not help; `detail` is the server's sentence, or "". */
export interface Failure { readonly code: string; readonly detail: string; readonly refused: boolean }

export interface Transfer {
  /** Stop, and keep what was sent. */
  pause(): Promise<void>;
  /** Stop, and give up what was sent. */
  cancel(): Promise<void>;
}

/** The built chunk, beside this module: named in a variable, so that the bundler leaves it where it is. */
const CHUNK = "./greenroom-tus.js";

export async function send(job: Job): Promise<Transfer> {
  const { start } = await (import(/* @vite-ignore */ CHUNK) as Promise<typeof import("./tus")>);
  return start(job);
}

/** Give up an upload that nobody is sending. What fails here is the sweeper's. */
export function giveUp(url: string, headers: Record<string, string>): void {
  fetch(url, { method: "DELETE", headers: { ...headers, "Tus-Resumable": "1.0.0" }, keepalive: true })
    .catch(() => undefined); // it is held for a day at most
}
