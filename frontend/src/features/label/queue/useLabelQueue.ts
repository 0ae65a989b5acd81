/** The one label queue of this page, and what it is doing now. */

import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";

import type { Me } from "@/api/types";

import { LabelQueue, type QueueState } from "./labelQueue";
import { sendOperation, storeSaved, type Saved } from "./saving";

let queue: LabelQueue<Saved> | null = null;
let client: QueryClient | null = null;
let reader: Me | null = null;

function theQueue(): LabelQueue<Saved> {
  queue ??= new LabelQueue<Saved>({
    send: sendOperation,
    onSaved: (operation, saved) => {
      if (client && reader) storeSaved(client, operation, saved, reader);
    },
  });
  return queue;
}

function warnBeforeLoss(event: BeforeUnloadEvent): void {
  const { waiting, isKept } = theQueue().getState();
  if (waiting.length > 0 && !isKept) event.preventDefault();
}

/**
 * Sends what waits for this person, on any page; again when the network or the tab comes back. Whoever signs out takes
 * the sending along, so that nothing goes out under the next name.
 */
export function useLabelSending(me: Me | null): void {
  const queryClient = useQueryClient();
  useEffect(() => {
    client = queryClient;
    reader = me;
    void theQueue().setUser(me?.id ?? null);
    return () => void theQueue().setUser(null);
  }, [queryClient, me]);
  useEffect(() => {
    const { retryNow } = theQueue();
    const onVisible = (): void => {
      if (document.visibilityState === "visible") retryNow();
    };
    window.addEventListener("online", retryNow);
    document.addEventListener("visibilitychange", onVisible);
    window.addEventListener("beforeunload", warnBeforeLoss);
    return () => {
      window.removeEventListener("online", retryNow);
      document.removeEventListener("visibilitychange", onVisible);
      window.removeEventListener("beforeunload", warnBeforeLoss);
    };
  }, []);
}

export function useLabelQueue(): { queue: LabelQueue<Saved>; state: QueueState } {
  const shared = theQueue();
  return { queue: shared, state: useSyncExternalStore(shared.subscribe, shared.getState) };
}
