/** A study: its parts on the left, one of them open. */

import { UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconDatabase,
  IconFlask2,
  IconLayoutGrid,
  IconPhotoScan,
  IconRosetteDiscountCheck,
  IconSettings,
  IconTable,
  IconUsers,
  type Icon,
} from "@tabler/icons-react";
import { NavLink, Outlet } from "react-router";

import { useStudy } from "@/api/studies";
import type { Study } from "@/api/types";
import { LoadError } from "@/features/common/LoadError";
import { StudySettings } from "@/features/studies/StudySettings";
import { formatCount } from "@/format";
import { words } from "@/words";

import { paths } from "./paths";
import classes from "./StudyLayout.module.css";
import { useRights, useStudyId } from "./useStudyPage";

interface Part {
  name: string;
  to: string;
  icon: Icon;
  count?: number;
}

function PartLink({ name, to, icon: Glyph, count }: Part) {
  return (
    <NavLink to={to} className={classes.part}>
      <Glyph size={18} stroke={1.7} aria-hidden="true" />
      <span className={classes.name}>{name}</span>
      {count !== undefined && <span className={classes.count}>{formatCount(count)}</span>}
    </NavLink>
  );
}

function SettingsPart({ study }: { study: Study }) {
  const [isOpen, { open, close }] = useDisclosure();
  return (
    <>
      <UnstyledButton className={classes.part} onClick={open}>
        <IconSettings size={18} stroke={1.7} aria-hidden="true" />
        <span className={classes.name}>{words.studies.settings}</span>
      </UnstyledButton>
      <StudySettings study={study} isOpen={isOpen} onClose={close} />
    </>
  );
}

export function StudyLayout() {
  const id = useStudyId();
  const { isAdmin } = useRights(id);
  const study = useStudy(id);
  if (study.isError) return <LoadError error={study.error} onRetry={() => void study.refetch()} fullPage />;
  const { nav } = words.common;
  const parts: Part[] = [
    { name: nav.slides, to: paths.slides(id), icon: IconPhotoScan, count: study.data?.slide_count },
    { name: nav.patches, to: paths.patches(id), icon: IconLayoutGrid, count: study.data?.patch_count },
    { name: nav.datasets, to: paths.datasets(id), icon: IconDatabase },
    { name: nav.training, to: paths.trainings(id), icon: IconFlask2 },
    { name: nav.models, to: paths.models(id), icon: IconRosetteDiscountCheck },
    { name: nav.counts, to: paths.counts(id), icon: IconTable },
    { name: nav.people, to: paths.people(id), icon: IconUsers },
  ];
  return (
    <div className={classes.root}>
      <nav className={classes.rail} aria-label={nav.label}>
        {parts.map((part) => (
          <PartLink key={part.to} {...part} />
        ))}
        {isAdmin && study.data && <SettingsPart study={study.data} />}
        <p className={classes.notice}>{words.common.notice}</p>
      </nav>
      <div className={classes.page}>{study.data && <Outlet />}</div>
    </div>
  );
}
