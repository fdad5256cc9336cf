// Back is the browser's doing (`setFormValue`). What a reload empties is kept in the tab's own storage.

export function keep(key: string, state: string): void {
  try {
    sessionStorage.setItem(key, state);
  } catch {
    // Full, or switched off: then a reload begins anew.
  }
}

/** What was kept under `key`, if this page is being reloaded just now; "" for any other way to get to it. */
export function reloaded(key: string): string {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  // What is put into the page later, by a script, is new and was never reloaded.
  if (navigation?.type !== "reload" || document.readyState === "complete") return "";
  try {
    return sessionStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}
