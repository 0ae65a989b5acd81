/** Turning, the counting grid, stains and picture, and the scale: a row of tools over the slide. */

import {
  Button,
  Popover,
  Select,
  SegmentedControl,
  Slider,
  Switch,
  Tooltip,
  UnstyledButton,
} from "@mantine/core";
import {
  IconAdjustmentsHorizontal,
  IconGridDots,
  IconRotate2,
  IconRotateClockwise2,
  IconRulerMeasure,
  type Icon,
} from "@tabler/icons-react";

import { lookWords as words, scaleWords } from "@/words/viewer";

import { GRID_SIDES, gridAt } from "./grid";
import { AS_IT_IS, isAsItIs, type Picture } from "./picture";
import { changeSettings, useViewerSettings } from "./settings";
import type { SlideView } from "./slideView";
import { STAIN_CHANNELS, type StainChannel } from "./stain";
import { useRotation, useViewScale } from "./useSlideView";
import classes from "./viewer.module.css";

interface ToolButtonProps {
  readonly icon: Icon;
  readonly name: string;
  readonly shortcut?: string;
  readonly isOn?: boolean;
  readonly onClick: () => void;
}

function ToolButton({ icon: ToolIcon, name, shortcut, isOn, onClick }: ToolButtonProps) {
  return (
    <Tooltip label={shortcut ? `${name} (${shortcut})` : name}>
      <UnstyledButton
        className={classes.zoomButton}
        aria-label={name}
        aria-pressed={isOn}
        data-active={isOn}
        onClick={onClick}
      >
        <ToolIcon size={16} stroke={1.7} />
      </UnstyledButton>
    </Tooltip>
  );
}

const QUARTER = 90;

function Turn({ slideView }: { readonly slideView: SlideView }) {
  const rotation = useRotation(slideView);
  return (
    <>
      <ToolButton
        icon={IconRotate2}
        name={words.turnLeft}
        shortcut="Q"
        onClick={() => slideView.turnBy(-QUARTER)}
      />
      <ToolButton
        icon={IconRotateClockwise2}
        name={words.turnRight}
        shortcut="E"
        onClick={() => slideView.turnBy(QUARTER)}
      />
      {rotation !== 0 && (
        <Tooltip label={`${words.upright} (N)`}>
          <UnstyledButton
            className={classes.zoomButton}
            data-active="true"
            aria-label={`${words.turn(rotation.toFixed(0))}: ${words.upright}`}
            onClick={() => slideView.turnTo(0)}
          >
            {words.turn(rotation.toFixed(0))}
          </UnstyledButton>
        </Tooltip>
      )}
    </>
  );
}

const PICTURE_RANGE = { min: 0.4, max: 2, step: 0.05 };

function PictureSliders() {
  const settings = useViewerSettings();
  const names: readonly (keyof Picture)[] = ["brightness", "contrast", "gamma"];
  return (
    <>
      {names.map((name) => (
        <div key={name} className={classes.sliderRow}>
          <span aria-hidden="true">{words[name]}</span>
          <Slider
            {...PICTURE_RANGE}
            size="sm"
            label={(value) => value.toFixed(2)}
            thumbLabel={words[name]}
            value={settings[name]}
            onChange={(value) => changeSettings({ [name]: value })}
          />
        </div>
      ))}
    </>
  );
}

function StainChoice() {
  const { stain } = useViewerSettings();
  return (
    <>
      <SegmentedControl
        size="xs"
        fullWidth
        aria-label={words.stain}
        value={stain}
        onChange={(chosen) => changeSettings({ stain: chosen as StainChannel })}
        data={STAIN_CHANNELS.map((value) => ({ value, label: words.stains[value] }))}
      />
      <p className={classes.fine}>{words.stainNote}</p>
    </>
  );
}

function Look({ mpp }: { readonly mpp: number | null }) {
  const settings = useViewerSettings();
  const isChanged = settings.stain !== "all" || !isAsItIs(settings);
  const sides = GRID_SIDES.map((side) => ({ value: String(side), label: gridAt(1, mpp, side).name }));
  return (
    <Popover width={320} position="bottom-start" trapFocus returnFocus shadow="md">
      <Popover.Target>
        <Tooltip label={words.look}>
          <UnstyledButton className={classes.zoomButton} data-active={isChanged} aria-label={words.look}>
            <IconAdjustmentsHorizontal size={16} stroke={1.7} />
          </UnstyledButton>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown aria-label={words.look}>
        <div className={classes.look}>
          <StainChoice />
          <PictureSliders />
          <Button
            size="compact-xs"
            variant="default"
            disabled={!isChanged}
            onClick={() => changeSettings({ ...AS_IT_IS, stain: "all" })}
          >
            {words.reset}
          </Button>
          <Select
            size="xs"
            label={words.gridSide}
            value={settings.gridSide === null ? "auto" : String(settings.gridSide)}
            onChange={(side) => changeSettings({ gridSide: Number(side) || null, isGridShown: true })}
            data={[{ value: "auto", label: words.gridAuto }, ...sides]}
            allowDeselect={false}
            comboboxProps={{ withinPortal: false }}
          />
          <Switch
            size="xs"
            label={words.trackpad}
            description={words.trackpadHint}
            checked={settings.isTrackpad}
            onChange={(event) => changeSettings({ isTrackpad: event.currentTarget.checked })}
          />
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

/** What is shown instead of the plain slide, in words, so that nobody takes it for that. */
function Shown({ slideView, mpp }: { readonly slideView: SlideView; readonly mpp: number | null }) {
  const { stain, isGridShown, gridSide } = useViewerSettings();
  const scale = useViewScale(slideView);
  const grid = isGridShown && scale !== null ? gridAt(scale, mpp, gridSide).name : null;
  return (
    <>
      {grid && <span className={classes.shown}>{words.gridOn(grid)}</span>}
      {stain !== "all" && <strong className={classes.shown}>{words.stainShown[stain]}</strong>}
    </>
  );
}

interface ViewToolsProps {
  readonly slideView: SlideView;
  readonly mpp: number | null;
  /** Opens the card that sets the scale; left out for those who may not. */
  readonly onScale?: () => void;
}

export function ViewTools({ slideView, mpp, onScale }: ViewToolsProps) {
  const { isGridShown } = useViewerSettings();
  return (
    <div className={`${classes.float} ${classes.tools}`} role="toolbar" aria-label={words.tools}>
      <Turn slideView={slideView} />
      <span className={classes.divider} />
      <ToolButton
        icon={IconGridDots}
        name={words.grid}
        shortcut="Shift G"
        isOn={isGridShown}
        onClick={() => changeSettings({ isGridShown: !isGridShown })}
      />
      <Look mpp={mpp} />
      {onScale && (
        <ToolButton icon={IconRulerMeasure} name={scaleWords.open} shortcut="M" onClick={onScale} />
      )}
      <Shown slideView={slideView} mpp={mpp} />
    </div>
  );
}
