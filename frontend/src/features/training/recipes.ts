/** The training recipes a person may choose, the thorough one first. */

import type { Preset } from "@/api/types";
import { words } from "@/words";

export const PRESETS: readonly Preset[] = ["default", "light", "quick", "paper", "model-b"];

export const recipeName = (preset: Preset): string => words.training.presets[preset].name;
