// Back is the browser's doing (`setFormValue`). What a reload empties is kept in the tab's own storage.

export function keep(key: string, state: string): void {
  try {
    sessionStorage.setItem(key, state);
  } catch {
    // Full, or switched off: then a reload begins anew.
  }
}

/** What was kept under `key` last; "" if nothing was. */
export function kept(key: string): string {
  try {
    return sessionStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** Whether this page is being reloaded just now. What a script puts into it later is new and was never reloaded. */
export function isReloading(): boolean {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return navigation?.type === "reload" && document.readyState !== "complete";
}
