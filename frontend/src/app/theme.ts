/** The look: ink teal on warm paper by day, on cool slate by night. */

import {
  ActionIcon,
  Badge,
  Button,
  createTheme,
  Loader,
  Modal,
  SegmentedControl,
  type CSSVariablesResolver,
  type MantineColorsTuple,
} from "@mantine/core";

const ink: MantineColorsTuple = [
  "#edf5f6",
  "#d6e8ea",
  "#aed3d8",
  "#81bac2",
  "#55a0ab",
  "#358590",
  "#24717c",
  "#185c66",
  "#124b54",
  "#0c3840",
];

const gray: MantineColorsTuple = [
  "#faf9f7",
  "#f4f2ee",
  "#eae7e1",
  "#dcd8d0",
  "#c7c2b8",
  "#a29c92",
  "#78726a",
  "#59544d",
  "#3b3833",
  "#242220",
];

const dark: MantineColorsTuple = [
  "#e5e9ea",
  "#c5cccf",
  "#9ba6aa",
  "#727e83",
  "#414b50",
  "#323b40",
  "#242b2f",
  "#191e21",
  "#13181a",
  "#0d1112",
];

const clay: MantineColorsTuple = [
  "#fbf3ea",
  "#f3e2cd",
  "#e6c59b",
  "#d8a667",
  "#c98a3e",
  "#b57527",
  "#9a601c",
  "#7d4c14",
  "#613a0e",
  "#452808",
];

const SYSTEM_FONT =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, "Liberation Sans", sans-serif';

export const theme = createTheme({
  colors: { ink, gray, dark, clay },
  primaryColor: "ink",
  primaryShade: { light: 7, dark: 6 },
  fontFamily: SYSTEM_FONT,
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace',
  headings: {
    fontWeight: "600",
    sizes: {
      h1: { fontSize: "1.625rem", lineHeight: "1.25" },
      h2: { fontSize: "1.1875rem", lineHeight: "1.35" },
      h3: { fontSize: "1rem", lineHeight: "1.4" },
    },
  },
  fontSizes: { xs: "0.75rem", sm: "0.8438rem", md: "0.9375rem", lg: "1.0625rem", xl: "1.25rem" },
  defaultRadius: "md",
  radius: { sm: "5px", md: "8px", lg: "12px" },
  fontWeights: { medium: "500", bold: "600" },
  focusRing: "auto",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: "subtle", color: "gray" } }),
    Badge: Badge.extend({ defaultProps: { variant: "light", radius: "sm", tt: "none", fw: 550 } }),
    SegmentedControl: SegmentedControl.extend({ styles: { root: { border: "1px solid var(--line)" } } }),
    Button: Button.extend({ defaultProps: { size: "sm" } }),
    Loader: Loader.extend({ defaultProps: { type: "dots" } }),
    Modal: Modal.extend({
      defaultProps: { centered: true, radius: "lg", padding: "lg", overlayProps: { backgroundOpacity: 0.4 } },
    }),
  },
});

/** Tinted signs: a breath of colour under text of the same colour, legible on both papers. */
function tints(names: readonly string[], strength: number, textShade: number): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => [
      [
        `--mantine-color-${name}-light`,
        `color-mix(in srgb, var(--mantine-color-${name}-6) ${strength}%, transparent)`,
      ],
      [
        `--mantine-color-${name}-light-hover`,
        `color-mix(in srgb, var(--mantine-color-${name}-6) ${strength + 6}%, transparent)`,
      ],
      [`--mantine-color-${name}-light-color`, `var(--mantine-color-${name}-${textShade})`],
    ]),
  );
}

const TINTED = ["ink", "clay", "gray", "red", "teal"];

export const resolveVariables: CSSVariablesResolver = () => ({
  variables: { "--header-height": "56px" },
  light: {
    ...tints(TINTED, 13, 8),
    "--canvas": "#f6f4f0",
    "--surface": "#ffffff",
    "--surface-sunken": "#f1eee9",
    "--line": "#e4e0d9",
    "--line-strong": "#cfcac1",
    "--ink-text": "#20302f",
    "--ink-soft": "#645f57",
    "--accent": "var(--mantine-color-ink-7)",
    "--accent-soft": "var(--mantine-color-ink-0)",
    "--series-1": "#185c66",
    "--series-2": "#b0641c",
    "--series-3": "#6a5b9e",
    "--mantine-color-body": "#ffffff",
    "--mantine-color-text": "#20302f",
    "--mantine-color-dimmed": "#645f57",
    "--mantine-color-default-border": "#d5d0c7",
  },
  dark: {
    ...tints(TINTED, 24, 2),
    "--canvas": "#13181a",
    "--surface": "#1b2124",
    "--surface-sunken": "#151a1c",
    "--line": "#2b3337",
    "--line-strong": "#3d474c",
    "--ink-text": "#e5e9ea",
    "--ink-soft": "#9ba6aa",
    "--accent": "var(--mantine-color-ink-3)",
    "--accent-soft": "#16292d",
    "--series-1": "#6cb7c1",
    "--series-2": "#e0a766",
    "--series-3": "#a99be0",
    "--mantine-color-body": "#1b2124",
    "--mantine-color-text": "#e5e9ea",
    "--mantine-color-dimmed": "#9ba6aa",
    "--mantine-color-default": "#222a2e",
    "--mantine-color-default-border": "#3a4449",
    "--mantine-color-anchor": "var(--mantine-color-ink-3)",
  },
});
