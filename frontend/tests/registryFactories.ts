/** Rows of the model registry as the server sends them; a test names only what it is about. */

import type { Comparison, ModelCard, ModelImport } from "@/api/types";

import { model, scores } from "./factories";

const HASH = "ab".repeat(32);
const NOW = "2026-11-20T10:00:00Z";

const around = (value: number) => ({ value, low: value - 0.02, high: value + 0.02 });

const judged = (threshold: number, value: number) => ({
  threshold,
  scores: scores({ accuracy: value }),
  intervals: {
    accuracy: around(value),
    precision: around(value),
    recall: around(value),
    f1: around(value),
  },
});

export const comparison = (change: Partial<Comparison> = {}): Comparison => ({
  id: 6,
  number: 1,
  study: 1,
  state: "done",
  progress: { done: 530, total: 530, message: "", eta_s: null },
  error: null,
  code_version: "0.1.0",
  created_by: "Carmen Quispe",
  created_at: NOW,
  started_at: NOW,
  finished_at: NOW,
  candidate: { id: 9, number: 4 },
  current: { id: 8, number: 3 },
  dataset: { id: 2, number: 2, content_hash: HASH },
  verdict: "better",
  left_out: 0,
  unknown_data: [],
  result: {
    positives: 270,
    negatives: 260,
    candidate: judged(0.52, 0.97),
    current: judged(0.5, 0.93),
    difference: judged(0, 0.04).intervals,
    mcnemar: { only_first: 30, only_second: 9, method: "chi_square", statistic: 10.26, p_value: 0.0014 },
    too_few: false,
    verdict: "better",
  },
  ...change,
});

export const modelImport = (change: Partial<ModelImport> = {}): ModelImport => ({
  id: 3,
  number: 1,
  study: 1,
  state: "queued",
  progress: { done: 0, total: 0, message: "Waiting for a worker", eta_s: null },
  error: null,
  code_version: "0.1.0",
  created_by: "Carmen Quispe",
  created_at: NOW,
  started_at: null,
  finished_at: null,
  file_name: "theirs.safetensors",
  size_bytes: 4,
  model_id: null,
  ...change,
});

export const modelCard = (change: Partial<ModelCard> = {}): ModelCard => ({
  model: model(),
  study: { id: 1, name: "CD3 in colon" },
  origin: {
    kind: "trained",
    words: "Trained here by Carmen Quispe, training 4.",
    by: "Carmen Quispe",
    at: NOW,
    file_name: "",
    training_run: 4,
    preset: "default",
    windows_beside: null,
    seed: 0,
    device: "cpu",
    versions: { torch: "2.14.1" },
  },
  dataset_hash: HASH,
  dataset: {
    id: 2,
    number: 2,
    seed: 0,
    rule: {},
    created_at: NOW,
    classes: [{ name: "Lymphocyte", sides: { train: 830, validation: 276, test: 277 } }],
    patches_learned: 1632,
    slides_learned: 3,
    patches_without_slide: 0,
  },
  inside: {
    architecture: "paper-valid",
    shape: {},
    preprocessing: {},
    class_names: ["Other", "Lymphocyte"],
    gate: { dab_min: 0.21, tissue_min: 0.1, positives_kept: 0.9991, negatives_passed: 0.24 },
    low_rank: { rank: 64, flipped: 0, largest_difference: 0.0142, patches: 1086 },
    config: { epochs: 36 },
    model_mpp: null,
    patch_px: 70,
    versions: { torch: "2.14.1" },
  },
  scores: { validation: scores({ count: 543 }), test: scores() },
  threshold: { value: 0.52, how: "Chosen on the validation patches." },
  history: [],
  limits: ["Research software, no medical device.", "It knows its own stain."],
  ...change,
});
