/** All texts of the interface, keyed by area: the one place a translation replaces. */

import { common } from "./common";
import { counts } from "./counts";
import { datasets } from "./datasets";
import { errors } from "./errors";
import { models } from "./models";
import { options } from "./options";
import { patches } from "./patches";
import { people } from "./people";
import { session } from "./session";
import { slides } from "./slides";
import { studies } from "./studies";
import { training } from "./training";

export const words = {
  common,
  counts,
  datasets,
  errors,
  models,
  options,
  patches,
  people,
  session,
  slides,
  studies,
  training,
} as const;
