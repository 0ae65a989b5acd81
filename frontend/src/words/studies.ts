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
  scaleWrong: "Between 0.05 and 5 µm per pixel.",
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
