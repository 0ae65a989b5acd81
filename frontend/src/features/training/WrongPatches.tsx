/** The test patches a model gets most wrong: often the label is the mistake, so each leads to its place on the slide. */

import { Title } from "@mantine/core";
import { Link } from "react-router";

import { patchImageUrl } from "@/api/patches";
import type { Id, WrongPatch } from "@/api/types";
import { paths } from "@/app/paths";
import { formatThreshold } from "@/format";
import { words } from "@/words";

import classes from "./WrongPatches.module.css";

const text = words.training;

/** Close enough to know the cell, far enough to know the neighbourhood. */
const ZOOM = 2;

function placeOf(study: Id, { slide, x_l0, y_l0 }: WrongPatch): string | null {
  if (slide === null || x_l0 === null || y_l0 === null) return null;
  return `${paths.label(study, slide)}#x=${x_l0}&y=${y_l0}&zoom=${ZOOM}`;
}

function Tile({ study, wrong }: { study: Id; wrong: WrongPatch }) {
  const place = placeOf(study, wrong);
  const said = text.wrongPatch(wrong.truth, formatThreshold(wrong.score));
  const tile = (
    <>
      <img src={patchImageUrl(wrong.patch)} alt={said} loading="lazy" width={70} height={70} />
      <span className={classes.truth}>{wrong.truth}</span>
      <span className={classes.fine}>
        {formatThreshold(wrong.score)} · {wrong.slide_code ?? text.noSlide}
      </span>
    </>
  );
  return (
    <li className={classes.tile}>{place === null ? <div>{tile}</div> : <Link to={place}>{tile}</Link>}</li>
  );
}

export function WrongPatches({ study, wrong }: { study: Id; wrong: readonly WrongPatch[] }) {
  return (
    <section>
      <Title order={3}>{text.wrongTitle}</Title>
      <p className={classes.note}>{wrong.length ? text.wrongNote : text.noneWrong}</p>
      <ul className={classes.root}>
        {wrong.map((one) => (
          <Tile key={one.patch} study={study} wrong={one} />
        ))}
      </ul>
    </section>
  );
}
