/** The save state over the slide, for when the side panel is closed: it is never out of sight. */

import viewer from "@/viewer/viewer.module.css";

import classes from "./label.module.css";
import { SaveLine } from "./SaveState";

export function SaveChip() {
  return (
    <div className={`${viewer.card} ${classes.chip}`}>
      <SaveLine />
    </div>
  );
}
