// Elements in a line, and the icons. No style attributes and no markup from strings: a strict policy allows neither.

type Child = Node | string | null | false | undefined;
type Values = Record<string, unknown>;

/** An element with its attributes and children; what is a function listens to the event of that name. */
export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name, values: Values = {}, ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(values)) {
    if (typeof value === "function") element.addEventListener(key, value as EventListener);
    else if (value !== false && value != null) element.setAttribute(key, value === true ? "" : value as string);
  }
  element.append(...children.filter((each) => !!each) as (Node | string)[]);
  return element;
}

const ICONS: Record<string, string> = {
  drag: "M9 5v14M15 5v14", // dotted by the stylesheet
  earlier: "M15 5l-7 7 7 7",
  later: "M9 5l7 7-7 7",
  crop: "M7 2v15h15M2 7h15v15",
  replace: "M3 9h16M15 4l5 5-5 5M21 16H5M9 11l-5 5 5 5",
  remove: "M6 6l12 12M18 6L6 18",
  pause: "M9 5v14M15 5v14",
  resume: "M8 5l11 7-11 7z",
  left: "M4 4v6h6M4.5 10a8 8 0 1 1-.4 4",
  right: "M20 4v6h-6M19.5 10a8 8 0 1 0 .4 4",
  mirror: "M12 3v18M8 7l-5 10h5zM16 7l5 10h-5z",
  less: "M5 12h14",
  more: "M5 12h14M12 5v14",
  add: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
};

/** For what can be done with a file: the icons that are not called as what they are for. */
export const SIGNS: Record<string, string> = { choose: "replace", retry: "right", undo: "left", cancel: "remove", dismiss: "remove", send_whole: "" };

export function icon(name: string): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]!);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `greenroom-svg greenroom-svg-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

/** A button that submits nothing. With `label` its name is more than its text, or its text is only a picture. */
export function button(
  text: string, click: (event: Event) => void,
  { sign = "", label, kind = "", ...values }: { sign?: string; label?: string; kind?: string } & Values = {},
): HTMLButtonElement {
  return h("button", {
    type: "button", class: `greenroom-button ${kind}`, "aria-label": label, title: text ? null : label, click, ...values,
  }, sign && icon(sign), text && h("span", {}, text));
}

/** Not by the second click of two: by then something else may be where the first one was. */
export const once = (press: () => void) => (event: Event): void => {
  if ((event as MouseEvent).detail < 2) press();
};
