// What the server tells the element: about its field, about each file, and the words. See greenroom/element.py.

import { type Crop, round } from "./geometry";

export interface Facts {
  readonly name: string;
  readonly size?: number;
  readonly kind?: string;
  readonly width?: number;
  readonly height?: number;
  readonly preview?: string;
  readonly proxy?: string;
  readonly original?: string;
  readonly error?: string;
}

/** A row that the server has rendered. */
export interface ServerRow extends Facts {
  readonly token?: string;
  readonly use?: string;
  readonly saved?: string;
  readonly crop?: Crop | null;
  readonly removed: boolean;
  readonly removable: boolean;
  readonly errors: readonly string[];
}

export interface Field {
  readonly lang: string;
  readonly multiple: boolean;
  readonly required: boolean;
  /** It has come back from a form that was not saved. */
  readonly posted: boolean;
  readonly most: number;
  readonly bytes: number | null;
  readonly empty: boolean;
  readonly types: readonly string[];
  readonly allowed: string;
  /** What types, or families of them, are called. */
  readonly kinds: Record<string, string>;
  readonly pictures: boolean;
  /** "" is no crop, "free" any, else a ratio such as "4:3". */
  readonly crop: string;
  readonly least: readonly [number, number] | null;
  readonly transfer: "pick" | "accept" | "save";
  /** Signed for whoever the page was made for; see `renewal.ts`. */
  policy: string;
  readonly uploads: string;
  readonly held: string;
  readonly csrf: string;
  readonly cookie: string;
  /** Of sizes: what bytes, thousands, millions of them and so on are called. */
  readonly units: readonly string[];
  readonly words: Record<string, string | string[]>;
}

export const csrfInput = (form: ParentNode | null): HTMLInputElement | null | undefined =>
  form?.querySelector<HTMLInputElement>("input[name=csrfmiddlewaretoken]");

/** The security token: the form's own input, else the cookie. */
export function csrfToken(field: Field, form: HTMLFormElement | null): string {
  const input = csrfInput(form);
  if (input) return input.value;
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${field.cookie}=`));
  return found ? decodeURIComponent(found.slice(field.cookie.length + 1)) : "";
}

/** What is known of a held file, asked from the server; null if it is not held any more. */
export async function askFacts(field: Field, token: string, options: RequestInit = {}): Promise<Facts | null> {
  const answer = await fetch(field.held.replace("/~/", `/${token}/`), {
    headers: { "Greenroom-Policy": field.policy, Accept: "application/json" },
    ...options,
  });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json() as Promise<Facts>;
}

/** Why the element can tell already that a file will not be taken, in the server's words; "" if it cannot. */
export function objection(field: Field, words: Words, file: File): string {
  if (field.bytes !== null && file.size > field.bytes) {
    return words.about("too_large", file.name, { limit: words.size(field.bytes) });
  }
  if (file.size === 0 && !field.empty) return words.about("empty", file.name);
  // Browsers take the type from the extension; without one the server looks at the bytes.
  const family = file.type.replace(/\/.*/, "/*");
  if (file.type && field.types.length && !field.types.some((each) => [file.type, family, "*/*"].includes(each))) {
    const found = field.kinds[file.type] ?? field.kinds[family] ?? file.type;
    return words.about("type", file.name, { found, allowed: field.allowed });
  }
  return "";
}

/** Whether a picture has fewer pixels than the field takes, in the server's words; "" if not. */
export function tooSmall(field: Field, words: Words, { name, width = 0, height = 0 }: Facts): string {
  const [min_width, min_height] = field.least ?? [0, 0];
  return width >= min_width && height >= min_height ? "" : words.about("too_small", name, { width, height, min_width, min_height });
}

const SAMPLES = [0, 1, 2, 3, 6, 11, 100];

/** The server's sentences with values in them, and numbers as the page's language writes them. */
export class Words {
  readonly #plural: Intl.PluralRules;
  readonly #lang: string;

  constructor(private readonly field: Pick<Field, "lang" | "units" | "words">) {
    let known: string[] = [];
    try {
      known = Intl.NumberFormat.supportedLocalesOf(field.lang);
    } catch {
      // A site may name a language of its own as it likes; its numbers are written as in English.
    }
    this.#lang = known[0] ?? "en";
    this.#plural = new Intl.PluralRules(this.#lang);
  }

  /** A phrase; `n`, where there is one, chooses among the forms of what counts. */
  say(key: string, values: Record<string, string | number> = {}): string {
    const text = this.field.words[key];
    const template = Array.isArray(text) ? this.#form(text, Number(values.n)) : text ?? "";
    return template.replace(/%\((\w+)\)s/g, (_all, name: string) => {
      const value = values[name] ?? "";
      return typeof value === "number" ? this.number(value) : value;
    });
  }

  /** A sentence about a file, which is called by its name. */
  about(key: string, name: string, values: Record<string, string | number> = {}): string {
    return this.say(key, { ...values, name: this.say("quoted", { name }) });
  }

  #form(forms: string[], n: number): string {
    const category = this.#plural.select(n);
    const index = SAMPLES.findIndex((each) => this.#plural.select(each) === category);
    return forms[index] ?? forms.at(-1)!;
  }

  number(value: number, options: Intl.NumberFormatOptions = {}): string {
    return new Intl.NumberFormat(this.#lang, options).format(value);
  }

  percent(part: number): string {
    return this.number(Math.floor(part * 100) / 100, { style: "percent" });
  }

  /** As the server's `format_size` says it. */
  size(bytes: number): string {
    let power = 0;
    const tenths = (): number => round(bytes * 10 / 1000 ** power);
    while (tenths() >= 10_000 && power < 4) power += 1;
    return `${this.number(tenths() / 10)} ${this.field.units[power]}`;
  }

  /** Rounded the way people say it. */
  time(seconds: number): string {
    const [value, unit] = seconds >= 5400 ? [seconds / 3600, "hour"] as const
      : seconds >= 90 ? [seconds / 60, "minute"] as const
        : [seconds > 10 ? Math.ceil(seconds / 5) * 5 : Math.ceil(seconds), "second"] as const;
    return this.number(Math.round(value), { style: "unit", unit, unitDisplay: "long" });
  }
}
