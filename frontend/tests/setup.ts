import "@testing-library/jest-dom/vitest";
import "fake-indexeddb/auto";

import { notifications } from "@mantine/notifications";
import { cleanup, configure } from "@testing-library/react";
import { afterEach, vi } from "vitest";

afterEach(() => {
  notifications.clean();
  cleanup();
});

// The message says what is missing; the whole page as text says nothing more. Shared machines are slow.
configure({ asyncUtilTimeout: 4000, getElementError: (message) => new Error(message ?? "") });

// jsdom knows none of these; Mantine asks for all.
if (typeof window !== "undefined") {
  vi.stubGlobal("matchMedia", (query: string) => ({
    matches: false,
    media: query,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
    addListener: () => undefined,
    removeListener: () => undefined,
    dispatchEvent: () => false,
    onchange: null,
  }));
  Element.prototype.scrollIntoView = () => undefined;
  vi.stubGlobal("scrollTo", () => undefined);
  Object.defineProperty(document, "fonts", { value: new EventTarget(), configurable: true });
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      unobserve() {}
      disconnect() {}
    },
  );
}
