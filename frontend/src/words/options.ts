/** Texts: the choices behind a count that most people leave alone. */

export const options = {
  title: "Options",
  changed: (what: string) => `Options: ${what}`,
  lead: "The usual choices fit a whole slide. What is chosen here holds for the next count only.",
  stride: {
    title: "Look every",
    px: (px: number) => `${px} px`,
    lines: {
      8: "Usual: every 8 pixels, the network's own step.",
      4: "Fine: every 4 pixels, between the usual steps too; about 4 × the head's work, 1.5 × the time.",
      2: "Finer: every 2 pixels, about 16 × the head's work, 4 × the time. Choose it for regions.",
      1: "Finest: every pixel, about 64 × the head's work. Choose it for small regions.",
    },
    short: { 8: "every 8 px", 4: "every 4 px", 2: "every 2 px", 1: "every pixel" },
  },
  head: {
    title: "Head",
    names: { low_rank: "Quick", full: "Full" },
    lines: {
      low_rank:
        "The model's low-rank head: far less work, and no validation patch is called differently. A model without one takes its full head.",
      full: "The network's own head, exactly as trained: about 2.5 × the time, 8 × at 4 px.",
    },
    short: { low_rank: "quick head", full: "full head" },
  },
  precision: {
    title: "Precision",
    names: { auto: "Auto", fp32: "32 bit", bf16: "16 bit" },
    lines: {
      auto: "16 bit where the machine computes it natively, else 32 bit; the result says which.",
      fp32: "32 bit (fp32): nothing is rounded off; nearly twice the time where 16 bit is native.",
      bf16: "16 bit (bf16): quick where the machine has it, slow elsewhere; scores differ slightly.",
    },
    short: { auto: "auto precision", fp32: "32 bit", bf16: "16 bit" },
  },
  engine: {
    title: "Engine",
    names: { auto: "Auto", openvino: "OpenVINO", torch: "PyTorch" },
    lines: {
      auto: "OpenVINO where a worker computes on one thread and has it, else PyTorch; the result says which.",
      openvino:
        "OpenVINO: the quicker one on one thread. A worker that does not have it ends the count and says so.",
      torch: "PyTorch, which every worker has; slower on one thread. Scores may differ in their last digits.",
    },
    short: { auto: "auto engine", openvino: "OpenVINO", torch: "PyTorch" },
  },
  gate: {
    title: "Skip what is not stained",
    line: "Saves most where little is stained. Off: every window is judged and every block read, about twice the time in dense tissue.",
    off: "stain gate off",
  },
  tissue: {
    title: "Skip glass before reading it",
    line: "Saves reading empty glass. Off: every block is read.",
    needsGate: "Goes with the stain gate.",
    off: "tissue gate off",
  },
  used: {
    stride: "Windows looked at",
    head: "Head",
    heads: { low_rank: "low-rank", full: "full" },
    precision: "Precision",
    precisions: { auto: "chosen by the first worker", fp32: "32 bit (fp32)", bf16: "16 bit (bf16)" },
    engine: "Engine",
    engines: { auto: "chosen by the first worker", openvino: "OpenVINO", torch: "PyTorch" },
    gates: "Gates",
    both: "stain and glass",
    stain: "stain",
    none: "none",
  },
} as const;
