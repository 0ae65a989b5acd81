/** One labelled crop: the picture, its class, and on request who said so and where it lies. */

import { HoverCard, Text } from "@mantine/core";
import { Link } from "react-router";

import { patchImageUrl } from "@/api/patches";
import type { Id, LabelClass, Patch } from "@/api/types";
import { paths } from "@/app/paths";
import { ClassDot } from "@/features/common/ClassDot";
import { formatCount, formatDate } from "@/format";
import { words } from "@/words";

import classes from "./PatchTile.module.css";

const text = words.patches;

/** Close enough to know the cell, far enough to know the neighbourhood. */
const ZOOM = 2;

function placeOf(study: Id, patch: Patch): string | null {
  if (patch.slide === null || patch.x_l0 === null || patch.y_l0 === null) return null;
  return `${paths.label(study, patch.slide)}#x=${patch.x_l0}&y=${patch.y_l0}&zoom=${ZOOM}`;
}

function Details({
  patch,
  kind,
  place,
}: {
  patch: Patch;
  kind: LabelClass | undefined;
  place: string | null;
}) {
  return (
    <div className={classes.details}>
      <span className={classes.kind}>
        {kind && <ClassDot of={kind} />}
        {kind?.name ?? text.unlabelled}
      </span>
      {patch.reader && <Text inherit>{text.by(patch.reader.name, formatDate(patch.created_at))}</Text>}
      <Text inherit>
        {patch.slide_code && patch.x_l0 !== null && patch.y_l0 !== null
          ? `${patch.slide_code} · ${text.at(formatCount(patch.x_l0), formatCount(patch.y_l0))}`
          : text.fromFile}
      </Text>
      {place && <Text inherit>{text.open}</Text>}
    </div>
  );
}

interface Props {
  study: Id;
  patch: Patch;
  kind: LabelClass | undefined;
}

export function PatchTile({ study, patch, kind }: Props) {
  const place = placeOf(study, patch);
  const image = (
    <img
      src={patchImageUrl(patch.id)}
      alt={text.imageOf(kind?.name ?? text.unlabelled, patch.id)}
      loading="lazy"
      width={70}
      height={70}
      className={classes.image}
    />
  );
  return (
    <HoverCard openDelay={250} closeDelay={60} position="top" withArrow>
      <HoverCard.Target>
        {place ? (
          <Link to={place} className={classes.root}>
            {image}
            {kind && <span className={classes.sign}>{<ClassDot of={kind} size={13} />}</span>}
          </Link>
        ) : (
          <div className={classes.root}>
            {image}
            {kind && <span className={classes.sign}>{<ClassDot of={kind} size={13} />}</span>}
          </div>
        )}
      </HoverCard.Target>
      <HoverCard.Dropdown p="sm">
        <Details patch={patch} kind={kind} place={place} />
      </HoverCard.Dropdown>
    </HoverCard>
  );
}
