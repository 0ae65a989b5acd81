/** Every address of the interface, in one place. */

import type { Id } from "@/api/types";

type Ref = Id | string;

export const paths = {
  signIn: "/sign-in",
  studies: "/studies",
  study: (study: Ref) => `/studies/${study}`,
  slides: (study: Ref) => `/studies/${study}/slides`,
  patches: (study: Ref) => `/studies/${study}/patches`,
  datasets: (study: Ref) => `/studies/${study}/datasets`,
  dataset: (study: Ref, dataset: Ref) => `/studies/${study}/datasets/${dataset}`,
  freeze: (study: Ref, freeze: Ref) => `/studies/${study}/datasets/freezes/${freeze}`,
  trainings: (study: Ref) => `/studies/${study}/training`,
  training: (study: Ref, run: Ref) => `/studies/${study}/training/${run}`,
  trainOn: (study: Ref, dataset: Ref) => `/studies/${study}/training?dataset=${dataset}`,
  models: (study: Ref) => `/studies/${study}/models`,
  model: (study: Ref, model: Ref) => `/studies/${study}/models/${model}`,
  counts: (study: Ref) => `/studies/${study}/counts`,
  people: (study: Ref) => `/studies/${study}/people`,
  label: (study: Ref, slide: Ref) => `/studies/${study}/slides/${slide}/label`,
  detect: (study: Ref, slide: Ref) => `/studies/${study}/slides/${slide}/detect`,
  /** The slide with the card that sets its scale. */
  setScale: (study: Ref, slide: Ref, run?: Ref) =>
    `/studies/${study}/slides/${slide}/detect?scale=set${run ? `&run=${run}` : ""}`,
  compare: (study: Ref, left: Ref, right?: Ref) =>
    `/studies/${study}/compare?left=${left}${right ? `&right=${right}` : ""}`,
  detectRun: (study: Ref, slide: Ref, run: Ref) => `/studies/${study}/slides/${slide}/detect?run=${run}`,
} as const;
