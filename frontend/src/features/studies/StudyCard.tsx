/** One study: what it counts, how far it is, what I am in it. */

import { Badge, Text, Title } from "@mantine/core";
import { Link } from "react-router";

import type { Role, Study } from "@/api/types";
import { paths } from "@/app/paths";
import { ClassDot } from "@/features/common/ClassDot";
import { formatCount } from "@/format";
import { words } from "@/words";

import classes from "./StudyCard.module.css";

/** An admin may do everything: the other roles need not be said. */
const shownRoles = ({ roles }: Study): readonly Role[] => (roles.includes("admin") ? ["admin"] : roles);

export function StudyCard({ study }: { study: Study }) {
  const slides = words.studies.slides(formatCount(study.slide_count), study.slide_count === 1);
  const patches = words.studies.patches(formatCount(study.patch_count), study.patch_count === 1);
  return (
    <article className={classes.root}>
      <Title order={2} className={classes.name}>
        <Link to={paths.slides(study.id)} className={classes.link}>
          {study.name}
        </Link>
      </Title>
      <Text className={classes.description} lineClamp={5}>
        {study.description || words.studies.noDescription}
      </Text>
      <ul className={classes.kinds}>
        {study.classes.map((kind) => (
          <li key={kind.id}>
            <ClassDot of={kind} />
            {kind.name}
          </li>
        ))}
      </ul>
      <div className={classes.foot}>
        <span>{slides}</span>
        <span>{patches}</span>
        <span className={classes.roles}>
          {shownRoles(study).map((role) => (
            <Badge key={role} color="gray">
              {words.common.roles[role]}
            </Badge>
          ))}
        </span>
      </div>
    </article>
  );
}
