/** Finds that are probably no cells, as pictures; a click goes there, a class judges. */

import { Button, Kbd, Text, UnstyledButton } from "@mantine/core";
import { IconZoomQuestion } from "@tabler/icons-react";

import { patchImageUrl } from "@/api/patches";
import type { LabelClass, Proposal } from "@/api/types";
import { styleLookup } from "@/viewer/markStyle";
import { useViewerSettings } from "@/viewer/settings";
import { ShapeIcon } from "@/viewer/ShapeIcon";
import viewer from "@/viewer/viewer.module.css";
import { proposalWords as words } from "@/words/viewer";

import classes from "./label.module.css";
import type { Proposing } from "./useProposing";

const score = (value: number): string => value.toFixed(2);

interface ProposalsProps {
  readonly items: readonly LabelClass[];
  readonly proposing: Proposing;
  readonly onGoTo: (proposal: Proposal) => void;
  readonly onJudge: (classId: number | null) => void;
}

function Question({
  items,
  proposal,
  onJudge,
}: Pick<ProposalsProps, "items" | "onJudge"> & { readonly proposal: Proposal }) {
  const { isColourBlindSet } = useViewerSettings();
  const styleOf = styleLookup(items, isColourBlindSet);
  return (
    <div className={classes.question} role="group" aria-label={words.title}>
      <Text size="sm" c="dimmed">
        {words.sure(proposal.model, score(proposal.score))}
      </Text>
      <div className={classes.answers}>
        {items.map(({ id, name, key, counted }) => (
          <Button
            key={id}
            size="compact-sm"
            variant="default"
            leftSection={<ShapeIcon {...styleOf(id)} size={14} />}
            rightSection={<Kbd size="xs">{key}</Kbd>}
            onClick={() => onJudge(id)}
          >
            {counted ? name : words.notACell(name)}
          </Button>
        ))}
        <Button
          size="compact-sm"
          variant="subtle"
          onClick={() => onJudge(null)}
          rightSection={<Kbd size="xs">Del</Kbd>}
        >
          {words.aside}
        </Button>
      </div>
    </div>
  );
}

export function Proposals({ items, proposing, onGoTo, onJudge }: ProposalsProps) {
  const { rows, chosen, isMining, mine } = proposing;
  return (
    <section className={viewer.section} aria-label={words.title}>
      <h2 className={viewer.heading}>
        <span>{words.title}</span>
        <Button
          size="compact-xs"
          variant="default"
          leftSection={<IconZoomQuestion size={14} />}
          loading={isMining}
          onClick={mine}
        >
          {words.mine}
        </Button>
      </h2>
      {rows.length === 0 && (
        <Text size="sm" c="dimmed">
          {words.empty}
        </Text>
      )}
      {chosen && <Question items={items} proposal={chosen} onJudge={onJudge} />}
      <div className={classes.strip}>
        {rows.map((row) => (
          <UnstyledButton
            key={row.patch_id}
            className={classes.patch}
            data-selected={row === chosen}
            aria-pressed={row === chosen}
            title={words.at(row.x_l0, row.y_l0, score(row.score))}
            onClick={() => onGoTo(row)}
          >
            <img src={patchImageUrl(row.patch_id)} alt={words.alt(score(row.score))} loading="lazy" />
            <span className={classes.score}>{score(row.score)}</span>
          </UnstyledButton>
        ))}
      </div>
    </section>
  );
}
