import { describe, expect, it } from "vitest";
import { type ServerRow, type Field, objection, Words } from "../src/field";
import { Item, type KeptRow, newUse, stateJson } from "../src/item";

const CROP = { v: 1, src: [40, 30], x: 0, y: 0, w: 4, h: 3, rot: 0, flip: false } as const;
const ROW: ServerRow = {
  name: "tea.jpg", size: 12, token: "token", use: "use", width: 40, height: 30, removed: false, removable: true, errors: [],
};
const parsed = (items: Item[], croppable = true): unknown => JSON.parse(stateJson(items, croppable));

describe("what the form sends", () => {
  it("is the held rows in their order, with their crops", () => {
    const saved = Item.of({ name: "old.jpg", saved: "7", removed: false, removable: true, errors: [] });
    expect(parsed([saved, Item.of({ ...ROW, crop: CROP }), Item.of(ROW)])).toEqual([
      { saved: "7", name: "old.jpg" },
      { token: "token", use: "use", name: "tea.jpg", crop: CROP },
      { token: "token", use: "use", name: "tea.jpg", crop: null },
    ]);
  });

  it("says nothing of crops where the field has none: one that is in the token stays", () => {
    expect(parsed([Item.of(ROW)], false)).toEqual([{ token: "token", use: "use", name: "tea.jpg" }]);
  });

  it("says what is removed, and not what never arrived", () => {
    const removed = Item.of(ROW);
    removed.move("removed");
    const picked = Item.ofFile(new File(["x"], "new.jpg"));
    expect(parsed([removed, picked])).toEqual([{ token: "token", use: "use", name: "tea.jpg", crop: null, removed: true }]);
    expect(removed.before).toBe("ready");
  });
});

describe("what is kept for Back and reload", () => {
  const allAgain = (items: Item[]): Item[] =>
    Item.allOf(JSON.parse(JSON.stringify(items.map((each) => each.kept()))) as KeptRow[]);
  const again = (item: Item): Item => allAgain([item])[0]!;

  it("is the row with its crop", () => {
    const back = again(Item.of({ ...ROW, crop: CROP }));
    expect([back.state, back.crop, back.use, back.width]).toEqual(["cropped", CROP, "use", 40]);
  });

  it("is, of what is half sent, where it goes on", () => {
    const item = Item.ofFile(new File(["12345678"], "half.bin"));
    item.move("checking");
    item.move("queued");
    item.move("uploading");
    item.url = "/uploads/1/";
    item.sent = 3;
    const back = again(item);
    expect([back.state, back.url, back.sent, back.size]).toEqual(["needs-reselect", "/uploads/1/", 3, 8]);
  });

  it("is not a crop that was given up", () => {
    const item = Item.of({ ...ROW, crop: CROP });
    item.crop = null;
    expect(again(again(item)).crop).toBeNull();
  });

  it("is, of what is to replace another, which one that is", () => {
    const items = [Item.of(ROW), Item.ofFile(new File(["12345678"], "half.bin"))];
    for (const state of ["checking", "queued", "uploading"] as const) items[1]!.move(state);
    items[1]!.url = "/uploads/1/";
    items[1]!.replaces = items[0]!;
    const [old, half] = allAgain(allAgain(items));
    expect(half!.replaces).toBe(old);
    half!.replaces = null;
    expect(allAgain([old!, half!])[1]!.replaces).toBeNull();
  });

  it("is, when the form has come back with its rows, who has taken whose place", () => {
    const [old, other] = [Item.of(ROW), Item.of({ ...ROW, use: "other" })];
    old!.move("removed");
    old!.successor = other!;
    const kept = JSON.parse(JSON.stringify([old, other].map((each) => each!.kept()))) as KeptRow[];
    const rows: ServerRow[] = [{ ...ROW, use: "new" }, { ...ROW, use: "other", token: "signed anew" }, { ...ROW, removed: true }];
    const items = Item.allOf(rows, kept);
    expect(items.map((each) => each.successor)).toEqual([null, null, items[1]]);
    expect(Item.allOf(rows.slice(2), kept)[0]!.successor).toBeNull(); // what took its place has gone
  });

  it("is nothing of what the server does not have any more; chosen again, it is known and keeps its crop", () => {
    const item = Item.of({ ...ROW, crop: CROP });
    item.expire();
    item.move("expired");
    expect([item.kept(), item.posted(true), item.token, item.crop]).toEqual([null, null, "", CROP]);
    expect(item.use).not.toBe(ROW.use);
    expect(item.isThe(new File(["x".repeat(12)], "tea.jpg"))).toBe(true);
    expect(item.isThe(new File(["x".repeat(13)], "tea.jpg"))).toBe(false);
  });

  it("drops a crop that is of a picture of another size", () => {
    const item = Item.of({ ...ROW, crop: CROP });
    item.learn({ ...ROW, width: 41 });
    expect(item.crop).toBeNull();
  });
});

it("makes uses that the server takes, and no two alike", () => {
  const uses = Array.from({ length: 100 }, newUse);
  expect(new Set(uses).size).toBe(100);
  for (const use of uses) expect(use).toMatch(/^[0-9-]{16,43}$/);
});

describe("words", () => {
  const words = (lang: string) => new Words({
    lang,
    units: ["B", "kB", "MB", "GB", "TB"],
    words: {
      n: ["0", "1", "2", "3", "6", "11", "100"].map((each) => `${each}: %(n)s`),
      quoted: "“%(name)s”", too_large: "%(name)s: %(limit)s", empty: "%(name)s is empty", type: "%(name)s %(found)s %(allowed)s",
    },
  });

  it.each([["en", 1, "1"], ["en", 5, "0"], ["pl", 1, "1"], ["pl", 3, "2"], ["pl", 5, "0"], ["ar", 2, "2"], ["ar", 11, "11"], ["ja", 1, "0"]])(
    "in %s %i is counted like %s", (lang, n, like) => {
      expect(words(lang).say("n", { n }).split(":")[0]).toBe(like);
    });

  it.each(["de_CH", "x", "in-house language", ""])("in %j, which no browser knows, numbers are those of English", (lang) => {
    expect(words(lang).number(1234.5)).toBe("1,234.5");
    expect(words(lang).say("n", { n: 1 })).toBe("1: 1");
  });

  it("says sizes as the server does", () => {
    const say = (bytes: number) => words("en").size(bytes);
    expect([0, 999, 1000, 1249, 1250, 423_104, 999_949, 999_950, 2_621_440, 999_999_999, 1e16].map(say)).toEqual(
      ["0 B", "999 B", "1 kB", "1.2 kB", "1.3 kB", "423.1 kB", "999.9 kB", "1 MB", "2.6 MB", "1 GB", "10,000 TB"]);
  });

  it("objects to size and type before anything is sent", () => {
    const field = { bytes: 3, empty: false, types: ["image/*"], allowed: "a picture", kinds: { "text/*": "text" } } as unknown as Field;
    const found = (content: string, type: string) => objection(field, words("en"), new File([content], "a", { type }));
    expect(found("1234", "image/png")).toBe("“a”: 3 B");
    expect(found("", "image/png")).toBe("“a” is empty");
    expect(found("12", "text/plain")).toBe("“a” text a picture");
    expect(found("12", "font/woff")).toBe("“a” font/woff a picture");
    expect([found("12", "image/png"), found("12", "")]).toEqual(["", ""]);
  });
});
