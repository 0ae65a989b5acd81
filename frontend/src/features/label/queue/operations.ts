/** What a pathologist did, as it waits to be sent: each with a key, so that sending it twice makes one label. */

/** A patch is named by its id, or by the key of the label that made it while the server has not answered yet. */
export type PatchRef = { readonly patchId: number } | { readonly createKey: string };

interface OperationBase {
  readonly clientKey: string;
  readonly userId: number;
  readonly slideId: number;
  /** Centre pixel, level 0. */
  readonly x: number;
  readonly y: number;
  readonly at: string;
}

export interface CreateOperation extends OperationBase {
  readonly kind: "create";
  readonly classId: number;
}

/** A new class for a patch; null withdraws the label. */
export interface ChangeOperation extends OperationBase {
  readonly kind: "change";
  readonly target: PatchRef;
  readonly classId: number | null;
}

export type Operation = CreateOperation | ChangeOperation;

/** An operation in the journal; a refused one stays, with the reason, until a person has seen it. */
export type JournalEntry = Operation & { readonly refusal?: string };

export const isSamePatch = (a: PatchRef, b: PatchRef): boolean =>
  "patchId" in a
    ? "patchId" in b && a.patchId === b.patchId
    : "createKey" in b && a.createKey === b.createKey;

export const refOf = (operation: Operation): PatchRef =>
  operation.kind === "create" ? { createKey: operation.clientKey } : operation.target;

/** The operation with its target named by id, if the server has told it. */
export function resolved<T extends Operation>(operation: T, createKey: string, patchId: number): T {
  if (operation.kind !== "change" || !isSamePatch(operation.target, { createKey })) return operation;
  return { ...operation, target: { patchId } };
}
