import { describe, expect, it } from "vitest";
import { isCounted, isHeld, isPending, move, type State } from "../src/states";

describe("the life of a file", () => {
  it("goes from the file dialog to a crop", () => {
    const path: State[] = ["picked", "checking", "queued", "uploading", "retrying", "uploading", "verifying", "ready", "cropped"];
    for (let at = 1; at < path.length; at += 1) expect(move(path[at - 1]!, path[at]!)).toBe(path[at]);
  });

  it.each<[State, State]>([
    ["picked", "ready"], ["rejected", "queued"], ["uploading", "ready"], ["ready", "uploading"], ["saved", "cropped"],
    ["expired", "ready"], ["removed", "uploading"], ["paused", "uploading"], ["waiting", "ready"],
  ])("throws when what is %s is to become %s", (from, to) => {
    expect(() => move(from, to)).toThrow(`A file that is ${from} cannot become ${to}.`);
  });

  it("is waited for, sent with the form, and counted, each where it should be", () => {
    expect(["uploading", "offline", "paused", "verifying"].every((each) => isPending(each as State))).toBe(true);
    expect(["waiting", "failed", "ready"].some((each) => isPending(each as State))).toBe(false);
    expect(isHeld("cropped") && isHeld("saved") && !isHeld("removed")).toBe(true);
    expect(isCounted("failed") && !isCounted("rejected") && !isCounted("removed")).toBe(true);
    expect(isCounted("expired") && move("expired", "queued")).toBe("queued"); // it keeps its place to be sent anew
  });
});
