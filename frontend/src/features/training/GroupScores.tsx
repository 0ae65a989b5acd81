/** Where the model is good and where it is not: by slide and by class, each number with its 95 % interval. */

import { Table, Title } from "@mantine/core";

import type { ClassScores, SlideScores } from "@/api/types";
import { formatCount, formatShare } from "@/format";
import { words } from "@/words";

import classes from "./GroupScores.module.css";

const text = words.training;

function Share({ value, interval }: { value: number; interval: readonly number[] }) {
  const [low = 0, high = 1] = interval;
  return (
    <Table.Td>
      <span className={classes.value}>{formatShare(value)}</span>
      <span className={classes.fine}>{text.intervalRange(formatShare(low), formatShare(high))}</span>
    </Table.Td>
  );
}

function Heads({ names }: { names: readonly string[] }) {
  return (
    <Table.Thead>
      <Table.Tr>
        {names.map((name) => (
          <Table.Th key={name}>{name}</Table.Th>
        ))}
      </Table.Tr>
    </Table.Thead>
  );
}

function BySlide({ slides }: { slides: readonly SlideScores[] }) {
  return (
    <Table aria-label={text.bySlideTitle} verticalSpacing={6} horizontalSpacing={5}>
      <Heads names={[text.slideColumn, text.patchesColumn, text.accuracy, text.precision, text.recall]} />
      <Table.Tbody>
        {slides.map(({ slide, slide_code, count, intervals, ...scores }) => (
          <Table.Tr key={slide ?? 0}>
            <Table.Td>{slide_code ?? text.noSlide}</Table.Td>
            <Table.Td>{formatCount(count)}</Table.Td>
            <Share value={scores.accuracy} interval={intervals.accuracy} />
            <Share value={scores.precision} interval={intervals.precision} />
            <Share value={scores.recall} interval={intervals.recall} />
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function ByClass({ kinds }: { kinds: readonly ClassScores[] }) {
  return (
    <Table aria-label={text.byClassTitle} verticalSpacing={6} horizontalSpacing={5}>
      <Heads names={[text.classColumn, text.patchesColumn, text.calledRight]} />
      <Table.Tbody>
        {kinds.map(({ class_id, name, count, accuracy, interval }) => (
          <Table.Tr key={class_id}>
            <Table.Td>{name}</Table.Td>
            <Table.Td>{formatCount(count)}</Table.Td>
            <Share value={accuracy} interval={interval} />
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

interface Props {
  slides: readonly SlideScores[];
  kinds: readonly ClassScores[];
}

export function GroupScores({ slides, kinds }: Props) {
  return (
    <div className={classes.root}>
      <div className={classes.wide}>
        <Title order={3}>{text.bySlideTitle}</Title>
        <BySlide slides={slides} />
      </div>
      <div>
        <Title order={3}>{text.byClassTitle}</Title>
        <ByClass kinds={kinds} />
      </div>
      <p className={classes.note}>{text.intervalsNote}</p>
    </div>
  );
}
