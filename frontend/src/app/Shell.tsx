/** The frame of every signed-in page: mark, where one is, who one is. */

import { ActionIcon, Anchor, Menu, Text, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { IconChevronRight, IconLogout, IconMoon, IconSun, IconUserCircle } from "@tabler/icons-react";
import { Link, Outlet, ScrollRestoration, useNavigate } from "react-router";

import { useMe, useSignOut } from "@/api/auth";
import { useSystem } from "@/api/system";
import { Mark } from "@/features/common/Mark";
import { useLabelSending } from "@/features/label/queue/useLabelQueue";
import { uploadQueue } from "@/features/slides/uploadQueue";
import { useUploadWatch } from "@/features/slides/useUploads";
import { words } from "@/words";

import { paths } from "./paths";
import classes from "./Shell.module.css";
import { UploadChip } from "@/features/slides/UploadChip";
import { useTrail } from "./useTrail";

function Trail() {
  const trail = useTrail();
  return (
    <nav className={classes.trail} aria-label={words.common.breadcrumb}>
      {trail.map(({ name, to }, index) => (
        <span key={to ?? name} className={classes.crumb}>
          <IconChevronRight size={14} className={classes.chevron} aria-hidden="true" />
          {to && index < trail.length - 1 ? (
            <Anchor component={Link} to={to} className={classes.link} underline="hover">
              {name}
            </Anchor>
          ) : (
            <Text span className={classes.here} aria-current="page">
              {name}
            </Text>
          )}
        </span>
      ))}
    </nav>
  );
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const isDark = useComputedColorScheme("light") === "dark";
  const label = isDark ? words.common.theme.toLight : words.common.theme.toDark;
  return (
    <ActionIcon
      size="lg"
      aria-label={label}
      title={label}
      onClick={() => setColorScheme(isDark ? "light" : "dark")}
    >
      {isDark ? <IconSun size={18} stroke={1.7} /> : <IconMoon size={18} stroke={1.7} />}
    </ActionIcon>
  );
}

function PersonMenu() {
  const me = useMe().data;
  const system = useSystem().data;
  const signOut = useSignOut();
  const navigate = useNavigate();
  if (!me) return null;
  const leave = () => {
    // Nothing more goes out in this name; it goes on when the same person signs in again.
    uploadQueue.setPerson(null);
    signOut.mutate(undefined, {
      onSuccess: () => void navigate(paths.signIn),
      onError: () => uploadQueue.setPerson(me.id),
    });
  };
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <button type="button" className={classes.person} aria-label={words.session.signedInAs(me.name)}>
          <IconUserCircle size={20} stroke={1.6} aria-hidden="true" />
          <span className={classes.personName}>{me.name}</span>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {me.username}
          {me.is_site_admin && ` · ${words.common.siteAdmin}`}
        </Menu.Label>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={leave}>
          {words.session.signOut}
        </Menu.Item>
        {system && (
          <Menu.Label>
            {words.common.product} {system.version} · {system.device}
          </Menu.Label>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

export function Shell() {
  useUploadWatch();
  useLabelSending(useMe().data ?? null);
  return (
    <div className={classes.root}>
      <a className={classes.skip} href="#content">
        {words.common.skipToContent}
      </a>
      <header className={classes.header}>
        <Link to={paths.studies} className={classes.brand}>
          <Mark size={28} />
          <span>{words.common.product}</span>
        </Link>
        <Trail />
        <UploadChip />
        <SchemeSwitch />
        <PersonMenu />
      </header>
      {/* A new page begins at its top, even when it was opened from the end of a long form. */}
      <ScrollRestoration />
      <main id="content" className={classes.main} tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}
