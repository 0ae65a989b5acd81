/** The shapes of the API under the names the interface uses; generated from docs/openapi.yaml. */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Id = number;

export interface Page<T> {
  count: number;
  next?: string | null;
  previous?: string | null;
  results: T[];
}

export type Role = Schemas["Role"];
export type Me = Schemas["Me"];
export type MarkerShape = Schemas["Shape"];
export type LabelClass = Required<Schemas["LabelClass"]>;
export type Study = Omit<Schemas["Study"], "classes"> & { readonly classes: LabelClass[] };
/** The password is there only in the answer that made the account. */
export type Member = Schemas["Member"] & { readonly password?: string };

export type Progress = Schemas["Progress"];
export type TimedProgress = Schemas["RunProgress"];
export type Failure = Schemas["Failure"];

export type SlideState = Schemas["SlideState"];
export type Slide = Schemas["Slide"];
export type UnfinishedUpload = Schemas["Upload"];
/** A slide in few words, for a choice among thousands. */
export type SlideName = Schemas["SlideName"];
export type SlideFacets = Schemas["SlideFacets"];
/** What became of each of several slides. */
export type SlidesDone = Schemas["SlidesDone"];
export type ScaleSource = Schemas["ScaleSource"];
/** One change of a slide's scale: who, when, from what to what, and how it became known. */
export type ScaleChange = Schemas["ScaleChange"];

export type Source = Schemas["Source"];
export type Reader = Schemas["Reader"];
/** A label on a slide; the class is null while a withdrawal is on its way. */
export type Marker = Omit<Schemas["Marker"], "class_id"> & { readonly class_id: Id | null };
export type PatchLabel = Schemas["PatchLabel"];
export type Patch = Schemas["Patch"];
export type PatchSummary = Schemas["PatchSummary"];

/** A find that is probably no cell: a patch without a label, judged by labelling it. */
export type Proposal = Schemas["Proposal"];
export type Mined = Schemas["Mined"];

export type Scores = Schemas["Scores"];
export type SplitScores = Schemas["Metrics"];
export type CurvePoint = Schemas["CurvePoint"];
export type SideCounts = Schemas["ClassCounts"];
export type Dataset = Schemas["FrozenDataset"];
export type Side = Schemas["Side"];
export type Split = Schemas["Split"];
/** Labels of a study, frozen with their split. */
export type DatasetVersion = Schemas["Dataset"];
export type DatasetDetail = Schemas["DatasetDetail"];
export type DatasetDiff = Schemas["DatasetDiff"];
/** The wish that labels be frozen, and the version it came to. */
export type DatasetFreeze = Schemas["Freeze"];
export type NewDataset = Omit<Schemas["NewFreezeRequest"], "client_key">;

export type RunState = Schemas["RunState"];
export type Preset = Schemas["PresetEnum"];
export type TrainingRun = Schemas["TrainingRun"];
export type TrainingRunDetail = Schemas["TrainingRunDetail"];
export type RunMetrics = Schemas["RunMetrics"];
export type JudgeScores = Schemas["JudgeScores"];
export type Intervals = Schemas["Intervals"];
export type SlideScores = Schemas["SlideScores"];
export type ClassScores = Schemas["ClassScores"];
export type WrongPatch = Schemas["WrongPatch"];
export type TrialState = Schemas["TrialState"];
export type WhyStopped = Schemas["WhyStopped"];
export type Trial = Schemas["Trial"];
export type TrialDetail = Schemas["TrialDetail"];
export type SearchSpace = Schemas["SearchSpaceRequest"];
export type NewTraining = Schemas["TrainingStartRequest"];

export type ModelStatus = Schemas["ModelStatus"];
export type Model = Schemas["Model"];
export type ModelRef = Schemas["ModelRef"];
export type Verdict = Schemas["Verdict"];
export type Interval = Schemas["Interval"];
export type Comparison = Schemas["Comparison"];
export type ComparisonResult = Schemas["ComparisonResult"];
export type RollBack = Schemas["RollBack"];
export type ModelImport = Schemas["ModelImport"];
export type ModelCard = Schemas["ModelCard"];
export type Promotion = Schemas["Promotion"];

export type DetectionState = RunState;
/** How to count: what a person may choose. */
export type DetectionParams = Schemas["DetectionParamsRequest"];
/** A polygon in level-0 pixels of the slide. */
export type Region = [number, number][];
export type DetectionRun = Omit<Schemas["DetectionRun"], "regions"> & { regions: Region[] | null };
export type SlideCount = Omit<Schemas["NewestCount"], "run"> & { readonly run: DetectionRun | null };
export type StartedCounts = Schemas["DetectionsStarted"];
export type UnreadArea = Schemas["UnreadArea"];
export type NewDetection = Omit<Schemas["DetectionStartRequest"], "regions"> & { regions?: Region[] | null };

export type SystemInfo = Schemas["System"];
