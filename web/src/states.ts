// The life of a file in the list. A move that is not in the table is a mistake in this program, and throws.

export type State =
  | "picked" | "checking" | "rejected" | "waiting" | "queued" | "uploading" | "paused" | "offline" | "retrying"
  | "failed" | "verifying" | "ready" | "cropped" | "saved" | "needs-reselect" | "expired" | "removed" | "invalid";

const SENDING: State[] = ["paused", "offline", "retrying", "failed", "verifying", "removed", "expired", "queued", "rejected"];

const MOVES: Record<State, readonly State[]> = {
  picked: ["checking"],
  checking: ["rejected", "waiting", "queued", "removed"],
  rejected: ["removed"],
  // Not to be sent yet: until its crop is applied, or the form is submitted.
  waiting: ["queued", "removed"],
  queued: ["uploading", "paused", "offline", "removed", "waiting"],
  uploading: ["retrying", ...SENDING],
  retrying: ["uploading", ...SENDING],
  offline: ["queued", "paused", "removed", "failed"],
  paused: ["queued", "removed"],
  failed: ["queued", "verifying", "removed"],
  verifying: ["ready", "cropped", "rejected", "failed", "expired", "removed"],
  ready: ["cropped", "removed", "expired"],
  cropped: ["ready", "removed", "expired"],
  saved: ["removed"],
  "needs-reselect": ["queued", "removed"],
  // Sent anew, if the browser has the file still.
  expired: ["queued", "removed"],
  invalid: ["removed", "expired", "ready", "cropped"],
  removed: ["ready", "cropped", "saved", "waiting", "invalid"],
};

export function move(from: State, to: State): State {
  if (!MOVES[from].includes(to)) throw new Error(`A file that is ${from} cannot become ${to}.`);
  return to;
}

/** On its way to the server, or about to be. */
export const isPending = (state: State): boolean =>
  ["picked", "checking", "queued", "uploading", "paused", "offline", "retrying", "verifying"].includes(state);

/** The server has all of it, and a form can save it. */
export const isHeld = (state: State): boolean => state === "ready" || state === "cropped" || state === "saved";

/** It takes one of the places that the field has. */
export const isCounted = (state: State): boolean => !["rejected", "removed"].includes(state);
