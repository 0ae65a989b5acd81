/** The door. */

import { Text, Title } from "@mantine/core";
import { useEffect } from "react";
import { Navigate, useSearchParams } from "react-router";

import { useMe } from "@/api/auth";
import { paths } from "@/app/paths";
import { Mark } from "@/features/common/Mark";
import { SignInForm } from "@/features/session/SignInForm";
import { Tissue } from "@/features/session/Tissue";
import { words } from "@/words";

import classes from "./SignInPage.module.css";

/** Only addresses of our own: never somewhere else after signing in. */
function safeNext(next: string | null): string {
  return next && /^\/(?![/\\])/.test(next) ? next : paths.studies;
}

export function SignInPage() {
  const me = useMe();
  const [search] = useSearchParams();
  useEffect(() => {
    document.title = `${words.session.title} · ${words.common.product}`;
  }, []);
  if (me.data) return <Navigate to={safeNext(search.get("next"))} replace />;
  return (
    <div className={classes.root}>
      <main className={classes.door}>
        <div className={classes.form}>
          <Mark size={44} />
          <Title order={1} className={classes.product}>
            {words.common.product}
          </Title>
          <Text className={classes.claim}>{words.common.claim}</Text>
          <SignInForm />
          <Text className={classes.help}>{words.session.help}</Text>
        </div>
        <Text className={classes.notice}>{words.common.notice}</Text>
      </main>
      <div className={classes.picture}>
        <Tissue />
      </div>
    </div>
  );
}
