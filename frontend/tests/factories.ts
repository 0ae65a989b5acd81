/** Rows as the server sends them; a test names only what it is about. */

import type {
  DatasetDetail,
  DatasetFreeze,
  DetectionRun,
  Me,
  Member,
  Model,
  Patch,
  PatchSummary,
  Scores,
  Slide,
  Study,
  RunMetrics,
  TrainingRunDetail,
  Trial,
} from "@/api/types";

const HASH = "ab".repeat(32);
const NOW = "2026-11-20T10:00:00Z";

export const me = (change: Partial<Me> = {}): Me => ({
  id: 1,
  username: "c.quispe",
  name: "Carmen Quispe",
  is_site_admin: false,
  ...change,
});

export const study = (change: Partial<Study> = {}): Study => ({
  id: 1,
  name: "CD3 in colon",
  description: "",
  patch_px: 70,
  model_mpp: null,
  radius_um: 4,
  quota_bytes: null,
  classes: [
    { id: 11, name: "Lymphocyte", key: 1, colour: "#fa3e3e", shape: "ring", counted: true },
    { id: 12, name: "Other", key: 2, colour: "#7070e1", shape: "cross", counted: false },
  ],
  roles: ["pathologist"],
  slide_count: 1,
  patch_count: 40,
  created_at: NOW,
  ...change,
});

export const slide = (change: Partial<Slide> = {}): Slide => ({
  id: 5,
  study: 1,
  code: "S001",
  case_code: "26-4037",
  stain: "CD3",
  note: "",
  state: "ready",
  progress: { done: 0, total: 0, message: "" },
  error: null,
  width: 12000,
  height: 9000,
  mpp: 0.25,
  mpp_doubt: "",
  mpp_source: "file",
  file_mpp: 0.25,
  objective: 40,
  format: "pyramid",
  size_bytes: 88_400_000,
  sha256: HASH,
  label_count: 3,
  uploaded_by: "Jorge Huamán",
  created_at: NOW,
  ...change,
});

export const detectionRun = (change: Partial<DetectionRun> = {}): DetectionRun => ({
  id: 7,
  number: 7,
  study: 1,
  slide: 5,
  slide_code: "S001",
  state: "done",
  progress: { done: 4, total: 4, message: "", eta_s: null },
  model: { id: 3, number: 3, threshold: 0.5 },
  slide_sha256: HASH,
  model_sha256: HASH,
  code_version: "0.1.0",
  params: {},
  scale: 1,
  regions: null,
  threshold: 0.5,
  count: 4183,
  point_count: 9000,
  area_px: 108_000_000,
  area_mm2: 6.75,
  density_per_mm2: 619.7,
  mpp: 0.25,
  scale_changed: false,
  unread_px: 0,
  unread_fraction: 0,
  blocks_failed: 0,
  error: null,
  created_by: "Jorge Huamán",
  created_at: NOW,
  started_at: NOW,
  finished_at: NOW,
  ...change,
});

export const summary = (positive: number, negative: number): PatchSummary => ({
  total: positive + negative,
  classes: [
    { class_id: 11, count: positive },
    { class_id: 12, count: negative },
  ],
  sources: [{ source: "click", count: positive + negative }],
  slides: [{ slide_id: 5, code: "S001", count: positive + negative }],
});

export const scores = (change: Partial<Scores> = {}): Scores => ({
  accuracy: 0.97,
  precision: 0.968,
  recall: 0.975,
  f1: 0.971,
  confusion: [
    [256, 9],
    [7, 270],
  ],
  count: 542,
  ...change,
});

export const trial = (change: Partial<Trial> = {}): Trial => ({
  number: 1,
  state: "done",
  parameters: { learning_rate: 0.001, weight_decay: 0.05, max_steps: 600 },
  validation_loss: 0.12,
  metrics: scores(),
  stopped_because: "finished",
  seconds: 690,
  folds: [],
  ...change,
});

const intervals = { accuracy: [0.95, 0.98], precision: [0.94, 0.98], recall: [0.95, 0.99] };

/** What is known of a model that was judged on two slides. */
export const runMetrics = (change: Partial<RunMetrics> = {}): RunMetrics => ({
  validation: scores({ count: 543 }),
  test: scores(),
  judge_scores: {
    threshold: 0.52,
    roc: { fpr: [0, 0.03, 1], tpr: [0, 0.97, 1], threshold: [null, 0.52, 0] },
    precision_recall: { recall: [0.5, 0.97, 1], precision: [1, 0.96, 0.5], threshold: [0.9, 0.52, 0] },
    auc: 0.991,
    average_precision: 0.988,
    calibration: {
      bins: [
        { low: 0, high: 0.1, count: 250, said: 0.03, found: 0.02, interval: [0.01, 0.05] },
        { low: 0.9, high: 1, count: 292, said: 0.97, found: 0.95, interval: [0.92, 0.97] },
      ],
      expected_error: 0.016,
    },
    intervals,
  },
  slides: [
    { ...scores({ count: 300, accuracy: 0.9512 }), slide: 5, slide_code: "S001", intervals },
    { ...scores({ count: 242 }), slide: null, slide_code: null, intervals },
  ],
  classes: [
    { class_id: 11, name: "Lymphocyte", counted: true, count: 277, accuracy: 0.975, interval: [0.95, 0.99] },
  ],
  wrong: [
    {
      patch: 31,
      slide: 5,
      slide_code: "S001",
      x_l0: 4000,
      y_l0: 3000,
      truth: "Other",
      positive: false,
      score: 0.99,
    },
    {
      patch: 32,
      slide: null,
      slide_code: null,
      x_l0: null,
      y_l0: null,
      truth: "Lymphocyte",
      positive: true,
      score: 0.04,
    },
  ],
  ...change,
});

export const trainingRun = (change: Partial<TrainingRunDetail> = {}): TrainingRunDetail => ({
  id: 4,
  number: 4,
  study: 1,
  state: "done",
  progress: { done: 600, total: 600, message: "", eta_s: null },
  error: null,
  code_version: "0.1.0",
  created_by: "Carmen Quispe",
  created_at: NOW,
  started_at: "2026-11-20T10:00:00Z",
  finished_at: "2026-11-20T10:11:40Z",
  preset: "default",
  config: {},
  seed: 0,
  device: "cpu",
  dataset: {
    id: 2,
    number: 2,
    content_hash: HASH,
    counts: {
      train: { positive: 830, negative: 802 },
      validation: { positive: 276, negative: 267 },
      test: { positive: 277, negative: 265 },
    },
  },
  trial_limit: 1,
  folds: 0,
  minutes: null,
  space: null,
  windows_beside: null,
  seconds: 640,
  stop_asked: false,
  best_trial: 1,
  trials: [trial()],
  curve_trial: 1,
  curve: [],
  metrics: {
    validation: scores({ count: 543 }),
    test: scores(),
    judge_scores: null,
    slides: [],
    classes: [],
    wrong: [],
  },
  model_id: 9,
  ...change,
});

export const model = (change: Partial<Model> = {}): Model => ({
  id: 9,
  number: 4,
  study: 1,
  status: "candidate",
  sha256: HASH,
  size_bytes: 1,
  threshold: 0.52,
  metrics: { validation: scores(), test: scores() },
  training_run: 4,
  imported_by: null,
  file_name: "",
  created_at: NOW,
  promoted_at: null,
  promoted_by: null,
  reason: "",
  ...change,
});

export const member = (change: Partial<Member> = {}): Member => ({
  id: 21,
  user: me(),
  role: "admin",
  created_at: NOW,
  ...change,
});

export const patch = (change: Partial<Patch> = {}): Patch => ({
  id: 31,
  slide: 5,
  slide_code: "S001",
  x_l0: 4000,
  y_l0: 3000,
  source: "click",
  class_id: 11,
  reader: { id: 3, name: "Lucía Paredes" },
  created_at: NOW,
  ...change,
});

export const freeze = (change: Partial<DatasetFreeze> = {}): DatasetFreeze => ({
  id: 5,
  study: 1,
  state: "running",
  name: "Summer",
  split: "cluster",
  progress: { done: 300, total: 1200, message: "Comparing the patches" },
  error: null,
  dataset: null,
  created_by: "Carmen Quispe",
  created_at: NOW,
  finished_at: null,
  ...change,
});

export const dataset = (change: Partial<DatasetDetail> = {}): DatasetDetail => ({
  id: 2,
  study: 1,
  number: 2,
  name: "Spring",
  content_hash: HASH,
  seed: 7,
  split: "cluster",
  label: "majority",
  reader: null,
  guard_px: null,
  tile_px: 1000,
  sources: [],
  slides: [],
  left_out_taken_back: 2,
  left_out_ties: 4,
  refused_overlaps: 0,
  total: 2717,
  counts: {
    train: { positive: 830, negative: 802 },
    validation: { positive: 276, negative: 267 },
    test: { positive: 277, negative: 265 },
  },
  classes: [
    { class_id: 11, name: "Lymphocyte", counted: true, train: 830, validation: 276, test: 277 },
    { class_id: 12, name: "Other", counted: false, train: 802, validation: 267, test: 265 },
  ],
  per_slide: [
    { slide_id: 5, code: "S001", case_code: "26-4037", train: 1500, validation: 500, test: 500 },
    { slide_id: null, code: null, case_code: "", train: 132, validation: 43, test: 42 },
  ],
  readers: [{ id: 3, name: "Lucía Paredes", train: 1632, validation: 543, test: 542, outvoted: 12 }],
  samples: [
    { patch_id: 31, class_id: 11, side: "train" },
    { patch_id: 32, class_id: 12, side: "test" },
  ],
  created_by: "Carmen Quispe",
  created_at: NOW,
  ...change,
});
