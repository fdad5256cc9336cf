// <greenroom-crop>: the crop editor in a dialog. Its state is a box in whole pixels of the view, a turn and a
// mirroring; what is on the screen is derived from them, in per cent.

import { button, h } from "./dom";
import type { Words } from "./field";
import {
  accepts, centred, clamp, type Box, type Crop, cropOf, dependentSide, fitted, largest, moved, parseRatio, type Ratio, resized,
  resultSize, round, type Size, toView, type Turn, viewSize, wholeOf,
} from "./geometry";
import type { Live } from "./live";
import { drawPart, type Upright, within } from "./pictures";

export interface Task {
  readonly name: string;
  readonly picture: Upright;
  readonly size: Size;
  readonly crop: Crop | null;
  /** The ratio that the field asks for, or null: then there is a choice. */
  readonly ratio: Ratio | null;
  readonly least: readonly [number, number] | null;
  readonly words: Words;
  readonly live: Live;
}

const HANDLES = "nw n ne e se s sw w".split(" ");
const SHAPES = "1:1 4:3 3:2 16:9 3:4 2:3".split(" ");
const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};
/** The canvas of the view, and that of the preview, in device pixels at most. */
const [SEEN_PIXELS, PREVIEW_PIXELS] = [2048, 512];

export class GreenroomCrop extends HTMLElement {
  #task!: Task;
  #box!: Box;
  #turn!: Turn;
  #ratio: Ratio | null = null;
  #shape: Box | null = null; // what the slider scales, so that rounding does not add up
  #dialog!: HTMLDialogElement;
  #stage!: HTMLElement;
  #area!: HTMLElement;
  #seen!: HTMLCanvasElement;
  #preview!: HTMLCanvasElement;
  #result!: HTMLElement;
  #warning!: HTMLElement;
  #slider!: HTMLInputElement;
  #wholly!: HTMLButtonElement;
  #choice: HTMLSelectElement | null = null;
  readonly #numbers = {} as Record<keyof Box, HTMLInputElement>;
  #done!: (crop: Crop | null | undefined) => void;

  /** Show the editor. The promise gives the crop, null for the whole picture, or undefined if it was cancelled. */
  edit(task: Task): Promise<Crop | null | undefined> {
    this.#task = task;
    this.#build();
    this.#ratio = task.ratio;
    this.#start(task.crop);
    this.#dialog.showModal();
    this.#area.focus();
    return new Promise((resolve) => {
      this.#done = (crop) => {
        this.#done = () => undefined;
        this.#dialog.close();
        resolve(crop);
      };
    });
  }

  get #view(): Size { return viewSize(this.#task.size, this.#turn) }
  get #crop(): Crop { return cropOf(this.#task.size, this.#box, this.#turn) }
  get #isTurned(): boolean { return this.#turn.rot > 0 || this.#turn.flip }
  /** All of the picture, as it is turned; null, which is as it was chosen, where the field has no such shape. */
  get #whole(): Crop | null {
    const { ratio, size } = this.#task;
    const box = wholeOf(this.#view);
    return this.#isTurned && (!ratio || accepts(ratio, box.w, box.h)) ? cropOf(size, box, this.#turn) : null;
  }

  #start(crop: Crop | null): void {
    const { rot, flip } = crop ?? { rot: 0, flip: false };
    this.#turn = { rot, flip };
    this.#box = crop ? toView(this.#task.size, crop, crop) : largest(this.#view, this.#ratio);
    this.#drawView();
  }

  // -- the page of it --------------------------------------------------------------------------------

  #build(): void {
    const { words, name } = this.#task;
    const say = (key: string) => words.say(key);
    const number = (part: keyof Box, key: string): HTMLElement => h("label", {}, say(key), this.#numbers[part] = h("input", {
      type: "number", form: "", inputmode: "numeric", "data-part": part, change: () => this.#typed(part),
    }));
    this.#area = h("div", {
      class: "greenroom-area", tabindex: 0, role: "application", "aria-label": say("area"),
      "aria-describedby": "greenroom-area-hint", keydown: (event: KeyboardEvent) => this.#pressed(event),
    }, ...HANDLES.map((each) => h("span", { class: "greenroom-handle", "data-handle": each })));
    this.#seen = h("canvas", { "aria-hidden": "true" });
    this.#stage = h("div", {
      class: "greenroom-stage", pointerdown: (event: PointerEvent) => this.#grabbed(event),
    }, this.#seen, this.#area);
    this.#preview = h("canvas", { role: "img", "aria-label": words.say("preview_of", { name }) });
    this.#result = h("div", { class: "greenroom-result" });
    this.#warning = h("p", { class: "greenroom-error" });
    this.#slider = h("input", {
      type: "range", form: "", min: 1, max: 100, step: 1, "aria-label": say("size"),
      input: () => this.#scale(0),
    });
    this.#wholly = button(" ", () => this.#done(this.#whole));
    this.#choice = this.#task.ratio ? null : this.#shapes();
    const tool = (key: string, sign: string, press: () => void) => button("", press, { sign, label: say(key) });
    this.#dialog = h("dialog", {
      class: "greenroom-dialog", "aria-labelledby": "greenroom-crop-title",
      cancel: (event: Event) => { event.preventDefault(); this.#done(undefined) },
      close: () => this.remove(),
      // What is typed here is no change of the form.
      change: (event: Event) => event.stopPropagation(),
      input: (event: Event) => event.stopPropagation(),
    },
    h("h2", { id: "greenroom-crop-title" }, words.say("title", { name })),
    h("div", { class: "greenroom-desk" }, this.#stage),
    h("div", { class: "greenroom-side" },
      h("div", { class: "greenroom-sample" }, this.#preview, h("div", {}, this.#result, this.#warning)),
      h("div", { class: "greenroom-tools" },
        tool("turn_left", "left", () => this.#rotate(270)), tool("turn_right", "right", () => this.#rotate(90)),
        tool("mirror", "mirror", () => this.#mirror()),
        this.#choice && h("label", { class: "greenroom-shape" }, say("shape"), this.#choice)),
      h("div", { class: "greenroom-slide" },
        tool("smaller", "less", () => this.#scale(-5)), this.#slider, tool("larger", "more", () => this.#scale(5))),
      h("div", { class: "greenroom-four" },
        number("x", "left_edge"), number("y", "top_edge"), number("w", "width"), number("h", "height")),
      h("p", { class: "greenroom-hint", id: "greenroom-area-hint" }, say("area_hint"))),
    h("div", { class: "greenroom-foot" },
      button(say("reset"), () => this.#reset()),
      this.#wholly,
      button(say("cancel"), () => this.#done(undefined)),
      button(say("apply"), () => this.#apply(), { kind: "greenroom-primary" })),
    this.#task.live.region);
    this.replaceChildren(this.#dialog);
  }

  #apply(): void {
    const [view, box] = [this.#view, this.#box];
    this.#done(!this.#isTurned && box.w === view.width && box.h === view.height ? null : this.#crop);
  }

  #shapes(): HTMLSelectElement {
    const { words, size } = this.#task;
    const option = (value: string, text: string) => h("option", { value }, text);
    return h("select", { form: "", change: () => this.#shaped() },
      option("", words.say("shape_free")), option(`${size.width}:${size.height}`, words.say("shape_whole")),
      ...SHAPES.map((each) => option(each, each)));
  }

  // -- showing ---------------------------------------------------------------------------------------

  #drawView(): void {
    const { picture, size } = this.#task;
    const { width, height } = this.#view;
    [this.#seen.width, this.#seen.height] = within(width, height, SEEN_PIXELS);
    drawPart(this.#seen, picture, size, wholeOf(size), this.#turn);
    this.#shape = null;
    this.#draw();
  }

  #draw(): void {
    const [box, view, task] = [this.#box, this.#view, this.#task];
    for (const [part, number] of Object.entries({ ...box, ...view })) {
      this.#stage.style.setProperty(`--greenroom-${part}`, `${number}`);
      const field = this.#numbers[part as keyof Box] as HTMLInputElement | undefined;
      if (field) field.value = `${number}`;
    }
    this.#wholly.textContent = task.words.say(this.#isTurned && !this.#whole ? "as_chosen" : "send_whole");
    const crop = this.#crop;
    const [w, height] = resultSize(crop);
    [this.#preview.width, this.#preview.height] = within(w, height, PREVIEW_PIXELS);
    drawPart(this.#preview, task.picture, task.size, crop, crop);
    this.#result.textContent = task.words.say("result_pixels", { w, h: height });
    const [leastW, leastH] = task.least ?? [0, 0];
    this.#warning.textContent = task.words.say(w < leastW || height < leastH ? "below" : "", { w: leastW, h: leastH });
    this.#slider.value = `${Math.max(1, round(100 * box.w / this.#widest(box)))}`;
    this.#slider.ariaValueText = this.#result.textContent;
    task.live.say("area", task.words.say("said_area", { ...box }));
    task.live.say("below", this.#warning.textContent);
  }

  #set(box: Box, shape: Box | null = null): void {
    this.#box = box;
    this.#shape = shape;
    this.#draw();
  }

  // -- what a person does ------------------------------------------------------------------------------

  #grabbed(event: PointerEvent): void {
    if (event.button !== 0 || !event.isPrimary) return; // a second finger is not to pull at it as well
    event.preventDefault();
    this.#area.focus({ preventScroll: true });
    const rect = this.#stage.getBoundingClientRect();
    const scale = this.#view.width / rect.width;
    const place = { x: (event.clientX - rect.left) * scale, y: (event.clientY - rect.top) * scale };
    const target = event.target as HTMLElement;
    const handle = target.dataset.handle ?? "";
    if (!handle && target !== this.#area) this.#set(centred(this.#view, this.#box, place.x, place.y));
    const before = this.#box;
    let still = !handle && target === this.#area;
    const follow = (move: PointerEvent): void => {
      if (move.pointerId !== event.pointerId) return;
      const [dx, dy] = [(move.clientX - event.clientX) * scale, (move.clientY - event.clientY) * scale];
      if (still && Math.hypot(dx, dy) < 3 * scale) return;
      still = false;
      this.#set(handle ? resized(this.#view, before, handle, dx, dy, this.#ratio) : moved(this.#view, before, dx, dy));
    };
    const end = (last: PointerEvent): void => {
      if (last.pointerId !== event.pointerId) return;
      this.#stage.onpointermove = this.#stage.onlostpointercapture = null;
      if (last.type === "pointercancel") this.#set(before);
      else if (still) this.#set(centred(this.#view, this.#box, place.x, place.y));
    };
    this.#stage.setPointerCapture(event.pointerId);
    this.#stage.onpointermove = follow;
    this.#stage.onlostpointercapture = end;
  }

  #pressed(event: KeyboardEvent): void {
    const arrow = ARROWS[event.key];
    if (!arrow || event.metaKey) return;
    event.preventDefault();
    const pixels = event.altKey ? 1 : event.ctrlKey ? 50 : 10;
    const [dx, dy] = [arrow[0] * pixels, arrow[1] * pixels];
    if (!event.shiftKey) this.#set(moved(this.#view, this.#box, dx, dy));
    else if (dx) this.#side("w", this.#box.w + dx);
    else this.#side("h", this.#box.h + dy);
  }

  /** Give one side a length; the upper left corner stays, and with a ratio the other side follows. */
  #side(part: "w" | "h", value: number): void {
    const [box, view, ratio] = [this.#box, this.#view, this.#ratio];
    const given = Math.max(1, value);
    if (!ratio) {
      const most = part === "w" ? view.width - box.x : view.height - box.y;
      this.#set({ ...box, [part]: Math.min(given, most) });
      return;
    }
    try {
      const [w, height] = dependentSide(view, ratio, { x: box.x, y: box.y, [part]: given });
      this.#set({ ...box, w, h: height });
    } catch {
      this.#draw(); // so small a box of this shape does not exist: what was there stays
    }
  }

  #typed(part: keyof Box): void {
    const value = round(this.#numbers[part].valueAsNumber);
    const isSide = part === "w" || part === "h";
    if (!(value >= +isSide)) this.#draw(); // empty, or no such number: what was there stays
    else if (isSide) this.#side(part, value);
    else this.#set(moved(this.#view, { ...this.#box, [part]: value }, 0, 0));
  }

  /** The width that the box has when it is as large as the picture lets it be. */
  #widest(box: Box): number {
    return box.w * Math.min(this.#view.width / box.w, this.#view.height / box.h);
  }

  /** As large as the slider says, and `by` per cent more. */
  #scale(by: number): void {
    const percent = clamp(this.#slider.valueAsNumber + by, 1, 100);
    const shape = this.#shape ?? this.#box;
    const around = { ...shape, x: this.#box.x + (this.#box.w - shape.w) / 2, y: this.#box.y + (this.#box.h - shape.h) / 2 };
    try {
      this.#set(fitted(this.#view, around, this.#ratio, Math.max(1, (this.#widest(shape) * percent) / 100)), shape);
    } catch {
      this.#draw();
    }
  }

  #rotate(by: number): void {
    this.#turned({ ...this.#turn, rot: (this.#turn.rot + by) % 360 });
  }

  /** Left and right of what is seen: a mirroring before the turn is one after the turn the other way round. */
  #mirror(): void {
    this.#turned({ rot: (360 - this.#turn.rot) % 360, flip: !this.#turn.flip });
  }

  #turned(turn: Turn): void {
    const crop = this.#crop;
    this.#turn = turn;
    this.#box = toView(this.#task.size, crop, turn);
    if (this.#ratio && !accepts(this.#ratio, this.#box.w, this.#box.h)) this.#box = fitted(this.#view, this.#box, this.#ratio);
    this.#drawView();
  }

  #shaped(): void {
    this.#ratio = parseRatio(this.#choice?.value ?? "");
    if (this.#ratio) this.#set(fitted(this.#view, this.#box, this.#ratio));
  }

  #reset(): void {
    if (this.#choice) this.#choice.value = "";
    this.#ratio = this.#task.ratio;
    this.#start(null);
  }
}
