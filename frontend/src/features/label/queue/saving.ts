/** Between the queue and the server: sends an operation, and keeps the list of markers true afterwards. */

import type { QueryClient } from "@tanstack/react-query";

import { markersKey, postLabel, postPatch } from "@/api/markers";
import type { Id, Marker, Reader } from "@/api/types";

import type { Operation } from "./operations";

export interface Saved {
  readonly patchId: Id;
  /** What the server stored, where it says so: near an edge the centre has moved. */
  readonly marker: Marker | null;
}

export async function sendOperation(operation: Operation): Promise<Saved> {
  const { clientKey: client_key, x, y } = operation;
  if (operation.kind === "create") {
    const marker = await postPatch(operation.slideId, { x, y, class_id: operation.classId, client_key });
    return { patchId: marker.patch_id, marker };
  }
  if (!("patchId" in operation.target))
    throw new Error("The label that this change belongs to is not saved yet.");
  const { patchId } = operation.target;
  await postLabel(patchId, { class_id: operation.classId, client_key });
  return { patchId, marker: null };
}

/** The markers after a saved operation, as the server would list them now. */
export function withSaved(
  markers: readonly Marker[],
  operation: Operation,
  { patchId, marker }: Saved,
  reader: Reader,
): Marker[] {
  const isMine = (item: Marker): boolean => item.patch_id === patchId && item.mine;
  const rest = markers.filter((item) => !isMine(item));
  if (operation.classId === null) return rest;
  const fresh: Marker = {
    patch_id: patchId,
    x_l0: operation.x,
    y_l0: operation.y,
    source: "click",
    created_at: operation.at,
    ...(marker ?? markers.find(isMine)),
    class_id: operation.classId,
    reader,
    mine: true,
  };
  return [...rest, fresh];
}

export function storeSaved(client: QueryClient, operation: Operation, saved: Saved, reader: Reader): void {
  client.setQueryData<Marker[]>(markersKey(operation.slideId), (markers) =>
    markers ? withSaved(markers, operation, saved, reader) : markers,
  );
}
