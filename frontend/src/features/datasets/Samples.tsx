/** Some patches of each side, so that one sees what the numbers mean. */

import { Title } from "@mantine/core";

import { patchImageUrl } from "@/api/patches";
import type { DatasetDetail, LabelClass } from "@/api/types";
import { ClassDot } from "@/features/common/ClassDot";
import { words } from "@/words";

import classes from "./Samples.module.css";
import { SIDES } from "./sides";

const text = words.datasets;

type Sample = DatasetDetail["samples"][number];

function Tile({ sample, kind }: { sample: Sample; kind: LabelClass | undefined }) {
  const name = kind?.name ?? words.patches.unlabelled;
  return (
    <li className={classes.tile} title={name}>
      <img
        src={patchImageUrl(sample.patch_id)}
        alt={text.sampleOf(name, sample.patch_id)}
        loading="lazy"
        width={70}
        height={70}
      />
      {kind && (
        <span className={classes.sign}>
          <ClassDot of={kind} size={11} />
        </span>
      )}
    </li>
  );
}

export function Samples({ samples, kinds }: { samples: readonly Sample[]; kinds: readonly LabelClass[] }) {
  if (samples.length === 0) return null;
  return (
    <section aria-label={text.samples}>
      <Title order={3}>{text.samples}</Title>
      {SIDES.map((side) => (
        <div key={side} className={classes.side}>
          <span className={classes.name}>{text.sides[side]}</span>
          <ul className={classes.row}>
            {samples
              .filter((sample) => sample.side === side)
              .map((sample) => (
                <Tile
                  key={sample.patch_id}
                  sample={sample}
                  kind={kinds.find(({ id }) => id === sample.class_id)}
                />
              ))}
          </ul>
        </div>
      ))}
    </section>
  );
}
