/** Light or dark, known before the first paint: an inline script is not allowed, so the module does it. */

import { localStorageColorSchemeManager } from "@mantine/core";

export const schemeManager = localStorageColorSchemeManager({ key: "tilscope-colour-scheme" });

export function applyStoredScheme(): void {
  const stored = schemeManager.get("auto");
  const prefersDark = window.matchMedia?.("(prefers-color-scheme: dark)").matches ?? false;
  const scheme = stored === "auto" ? (prefersDark ? "dark" : "light") : stored;
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
}
