/** The curve of the picture as a filter that the browser lays over the slide, and over nothing else. */

import { curveOf, type Picture } from "./picture";
import classes from "./viewer.module.css";

const CHANNELS = ["feFuncR", "feFuncG", "feFuncB"] as const;

export function PictureFilter({ id, picture }: { readonly id: string; readonly picture: Picture }) {
  const curve = curveOf(picture);
  return (
    <svg className={classes.filter} aria-hidden="true" focusable="false">
      <filter id={id} colorInterpolationFilters="sRGB" x="0" y="0" width="1" height="1">
        <feComponentTransfer>
          {CHANNELS.map((Channel) => (
            <Channel key={Channel} type="gamma" {...curve} />
          ))}
        </feComponentTransfer>
      </filter>
    </svg>
  );
}
