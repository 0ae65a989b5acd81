/** Where somebody was in the list of slides: found again on return, and by the way back from a slide. */

import { useEffect, useLayoutEffect, useRef } from "react";
import { useLocation } from "react-router";

const placeKey = (address: string): string => `slides-place:${address}`;

/** Scrolls to where this address was left, once its rows are there, and keeps the place from then on. */
export function useKeptPlace(isReady: boolean): void {
  const { pathname, search } = useLocation();
  const key = placeKey(pathname + search);
  const isFound = useRef(false);
  // After the page's own reset of the scroll position, which runs in the layout phase.
  useEffect(() => {
    if (!isReady || isFound.current) return;
    isFound.current = true;
    const kept = Number(sessionStorage.getItem(key));
    if (kept > 0) window.scrollTo(0, kept);
  }, [isReady, key]);
  // Taken off in the layout phase, so that the scrolling of the next page is not written down as this one's.
  useLayoutEffect(() => {
    const keep = (): void => {
      if (isFound.current) sessionStorage.setItem(key, String(window.scrollY));
    };
    window.addEventListener("scroll", keep, { passive: true });
    return () => window.removeEventListener("scroll", keep);
  }, [key]);
}
