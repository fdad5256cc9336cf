// A page that has outlived its session: somebody signed out or in, or it was open for too long.

import type { GreenroomUpload } from "./element";
import { csrfInput, type Field } from "./field";

/**
 * Ask for the page once more and take from it what is signed for whoever asks now: the policy, and the form's security
 * token. Nothing is signed anew without the page's own view, which knows who may.
 */
export async function renew(host: GreenroomUpload): Promise<void> {
  const named = (input: HTMLInputElement | null) => input?.name.replace(/\d+|__prefix__/, "#"); // a row of a formset
  const answer = await fetch(location.href);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const inputs = [...page.querySelectorAll<HTMLInputElement>("[data-field] input[type=file]")];
  const same = inputs.find((each) => named(each) === named(host.input))?.closest<HTMLElement>("[data-field]");
  if (!same) return;
  host.field.policy = (JSON.parse(same.dataset.field!) as Field).policy;
  const [ours, theirs] = [csrfInput(host.internals.form), csrfInput(page)];
  if (ours && theirs) ours.value = theirs.value;
}
