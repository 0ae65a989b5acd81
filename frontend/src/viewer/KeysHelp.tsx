/** The list of keys, under "?". */

import { Kbd, Modal } from "@mantine/core";

import { keyWords as words } from "@/words/viewer";

import classes from "./viewer.module.css";

export interface KeyGroup {
  readonly name: string;
  readonly keys: readonly (readonly [names: readonly string[], does: string])[];
}

export const MOVE_KEYS: KeyGroup = {
  name: words.groups.move,
  keys: [
    [["← ↑ ↓ →", words.drag], words.pan],
    [[words.wheel], words.zoom],
    [["+", "−"], words.zoomKeys],
    [["0"], words.fit],
    [["Q", "E"], words.turn],
    [["Shift Q", "Shift E"], words.turnFine],
    [["N"], words.upright],
    [["Shift ←", "Shift →"], words.slides],
    [["?"], words.keysHere],
  ],
};

export const LOOK_KEYS: KeyGroup = {
  name: words.groups.look,
  keys: [
    [["A"], words.labels],
    [["H"], words.detections],
    [["F"], words.fill],
    [["S"], words.stain],
    [["Shift G"], words.grid],
    [["M"], words.ruler],
  ],
};

export const LABEL_KEYS: KeyGroup = {
  name: words.groups.label,
  keys: [
    [[words.doubleClick], words.label],
    [["1", "…", "9"], words.chooseClass],
    [["Del", "X"], words.withdraw],
    [["Ctrl Z"], words.undo],
    [["Ctrl Shift Z", "Ctrl Y"], words.redo],
    [["K"], words.keyboardOnly],
    [["Alt ←"], words.finer],
    [["Esc"], words.clear],
  ],
};

export const COUNT_KEYS: KeyGroup = {
  name: words.groups.count,
  keys: [
    [["R"], words.rectangle],
    [["P"], words.polygon],
    [["[", "]"], words.threshold],
    [["Enter", words.doubleClick], words.closePolygon],
    [["Esc"], words.clear],
  ],
};

export const COMPARE_KEYS: KeyGroup = {
  name: words.groups.compare,
  keys: [
    [["L"], words.inStep],
    [["O"], words.side],
    [["S"], words.stain],
    [["Shift G"], words.grid],
  ],
};

interface KeysHelpProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly groups: readonly KeyGroup[];
}

export function KeysHelp({ isOpen, onClose, groups }: KeysHelpProps) {
  return (
    <Modal opened={isOpen} onClose={onClose} title={words.title} size={760}>
      <div className={classes.keysGrid}>
        {groups.map((group) => (
          <section key={group.name}>
            <h3 className={classes.heading}>{group.name}</h3>
            {group.keys.map(([names, does]) => (
              <div key={does} className={classes.keyRow}>
                <span>{does}</span>
                <span className={classes.keyNames}>
                  {names.map((name) =>
                    name === "…" ? <span key={name}>…</span> : <Kbd key={name}>{name}</Kbd>,
                  )}
                </span>
              </div>
            ))}
          </section>
        ))}
      </div>
    </Modal>
  );
}
