/** Texts: studies. */

export const studies = {
  title: "Studies",
  lead: "Each study has its own slides, people and models.",
  create: "New study",
  createTitle: "New study",
  name: "Name",
  namePlaceholder: "CD3 in colon, 2026",
  nameMissing: "A study needs a name.",
  description: "What is counted, in which stain, and why",
  scale: "Model scale (µm per pixel)",
  scaleHelp:
    "Leave empty to use the pixels of each slide as they are. Cannot be changed once there are labels.",
  noScale: "the pixels of each slide as they are",
  scaleWrong: "Between 0.05 and 5 µm per pixel.",
  scaleFixed: "Fixed since there are labels: they were cut out at it. Another scale needs a new study.",
  settings: "Settings",
  settingsTitle: "Study settings",
  radius: "Smallest distance of two cells (µm)",
  radiusHelp: "Of two finds nearer than this the better one counts. It holds from the next count on.",
  radiusWrong: "More than 0 and at most 100 µm.",
  quota: "Most that the study may hold (GB)",
  quotaHelp: "Slides and uploads on their way. Leave empty for no limit.",
  noQuota: "no limit",
  quotaWrong: "More than 0 GB, or empty for no limit.",
  changed: "The study’s settings are saved.",
  submit: "Create study",
  created: (name: string) => `Study “${name}” is ready. Upload the first slide.`,
  emptyTitle: "No studies yet",
  emptyAdmin:
    "A study holds slides, labels, people and the models trained on them. Create the first one to begin.",
  emptyOther:
    "Nobody has added you to a study yet. Ask the admin of your lab to do so; it takes them a minute.",
  slides: (count: string, one: boolean) => `${count} ${one ? "slide" : "slides"}`,
  patches: (count: string, one: boolean) => `${count} labelled ${one ? "patch" : "patches"}`,
  noDescription: "No description",
} as const;
