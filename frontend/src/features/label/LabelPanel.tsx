/** The side panel of the label page: save state, classes with counts, the selected label, the last patches, options. */

import { ActionIcon, Alert, Button, Kbd, Switch, Text, Tooltip } from "@mantine/core";
import { IconArrowBackUp, IconArrowForwardUp, IconEye } from "@tabler/icons-react";

import type { LabelClass, Proposal } from "@/api/types";
import { changeSettings, useViewerSettings } from "@/viewer/settings";
import viewer from "@/viewer/viewer.module.css";
import { labelWords as words } from "@/words/viewer";

import { ClassPalette } from "./ClassPalette";
import classes from "./label.module.css";
import { LastPatches } from "./LastPatches";
import { countPerClass, type Mark } from "./marks";
import { Proposals } from "./Proposals";
import { SaveState } from "./SaveState";
import type { Labelling } from "./useLabelling";
import type { Proposing } from "./useProposing";

interface LabelPanelProps {
  readonly items: readonly LabelClass[];
  readonly labelling: Labelling;
  /** One line about the latest finished count, or null. */
  readonly detections: string | null;
  readonly proposing: Proposing;
  readonly onGoTo: (mark: Mark) => void;
  readonly onGoToProposal: (proposal: Proposal) => void;
  readonly onJudge: (classId: number | null) => void;
}

function History({ labelling }: Pick<LabelPanelProps, "labelling">) {
  return (
    <span className={classes.buttons}>
      <Tooltip label={`${words.undo} (Ctrl Z)`}>
        <ActionIcon size="sm" aria-label={words.undo} onClick={labelling.undo} disabled={!labelling.undo}>
          <IconArrowBackUp size={16} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label={`${words.redo} (Ctrl Shift Z)`}>
        <ActionIcon size="sm" aria-label={words.redo} onClick={labelling.redo} disabled={!labelling.redo}>
          <IconArrowForwardUp size={16} />
        </ActionIcon>
      </Tooltip>
    </span>
  );
}

interface OptionProps {
  readonly name: string;
  readonly shortcut?: string;
  readonly hint?: string;
  readonly isOn: boolean;
  readonly isDisabled?: boolean;
  readonly onChange: (isOn: boolean) => void;
}

function Option({ name, shortcut, hint, isOn, isDisabled, onChange }: OptionProps) {
  return (
    <div className={classes.option}>
      <Switch
        size="xs"
        label={name}
        description={hint}
        checked={isOn}
        disabled={isDisabled}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      {shortcut && <Kbd size="xs">{shortcut}</Kbd>}
    </div>
  );
}

function Options({
  canLabel,
  detections,
}: {
  readonly canLabel: boolean;
  readonly detections: string | null;
}) {
  const settings = useViewerSettings();
  return (
    <>
      {canLabel && (
        <section className={viewer.section} aria-label={words.modes}>
          <h2 className={viewer.heading}>{words.modes}</h2>
          <Option
            name={words.oneClick}
            isOn={settings.isOneClick}
            onChange={(isOneClick) => changeSettings({ isOneClick })}
          />
          <Option
            name={words.keyboardOnly}
            hint={settings.isKeyboardOnly ? words.keyboardHint : undefined}
            shortcut="K"
            isOn={settings.isKeyboardOnly}
            onChange={(isKeyboardOnly) => changeSettings({ isKeyboardOnly })}
          />
        </section>
      )}
      <section className={viewer.section} aria-label={words.show_}>
        <h2 className={viewer.heading}>{words.show_}</h2>
        <Option
          name={words.labels}
          shortcut="A"
          isOn={settings.showLabels}
          onChange={(showLabels) => changeSettings({ showLabels })}
        />
        <Option
          name={words.detections}
          hint={detections ?? words.noDetections}
          shortcut="H"
          isOn={settings.showDetections && detections !== null}
          isDisabled={detections === null}
          onChange={(showDetections) => changeSettings({ showDetections })}
        />
        <Option
          name={words.filled}
          shortcut="F"
          isOn={settings.isFilled}
          onChange={(isFilled) => changeSettings({ isFilled })}
        />
        <Option
          name={words.colourBlind}
          isOn={settings.isColourBlindSet}
          onChange={(isColourBlindSet) => changeSettings({ isColourBlindSet })}
        />
      </section>
    </>
  );
}

export function LabelPanel(props: LabelPanelProps) {
  const { items, labelling, detections, proposing, onGoTo, onGoToProposal, onJudge } = props;
  const { isColourBlindSet } = useViewerSettings();
  const { marks, canLabel, classId, chooseClass, selected } = labelling;
  const classNames = new Map(items.map(({ id, name }) => [id, name]));
  return (
    <aside className={viewer.panel} aria-label={words.title}>
      {canLabel ? (
        <SaveState classNames={classNames} />
      ) : (
        <div className={viewer.section}>
          <Alert variant="light" color="ink" p="sm" icon={<IconEye size={18} />}>
            {items.length === 0 ? words.noClasses : words.readOnly}
          </Alert>
        </div>
      )}
      <section className={viewer.section}>
        <h2 className={viewer.heading}>
          <span>
            {words.classes}, {words.onThisSlide}
          </span>
          {canLabel && <History labelling={labelling} />}
        </h2>
        <ClassPalette
          items={items}
          counts={countPerClass(marks)}
          chosenId={selected?.classId ?? classId}
          canLabel={canLabel}
          isColourBlindSet={isColourBlindSet}
          onChoose={chooseClass}
        />
        {labelling.error && (
          <Alert color="red" variant="light" p="xs" mt="xs">
            {words.loadFailed}{" "}
            <Button size="compact-xs" variant="default" onClick={labelling.reload}>
              {words.tryNow}
            </Button>
          </Alert>
        )}
      </section>
      <section className={viewer.section}>
        <h2 className={viewer.heading}>{words.last}</h2>
        {labelling.isLoading ? (
          <Text size="sm" c="dimmed">
            {words.loading}
          </Text>
        ) : (
          <LastPatches
            marks={marks}
            items={items}
            selectedId={selected?.id ?? null}
            canLabel={canLabel}
            isColourBlindSet={isColourBlindSet}
            onGoTo={onGoTo}
          />
        )}
      </section>
      {proposing.canJudge && (
        <Proposals items={items} proposing={proposing} onGoTo={onGoToProposal} onJudge={onJudge} />
      )}
      <Options canLabel={canLabel} detections={detections} />
    </aside>
  );
}
