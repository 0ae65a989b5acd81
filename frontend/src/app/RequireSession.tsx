/** Pages behind the sign-in. */

import { Center, Loader } from "@mantine/core";
import { Navigate, Outlet, useLocation } from "react-router";

import { useMe } from "@/api/auth";
import { LoadError } from "@/features/common/LoadError";
import { words } from "@/words";

import { paths } from "./paths";

export function RequireSession() {
  const me = useMe();
  const { pathname, search } = useLocation();
  if (me.isPending) {
    return (
      <Center mih="100dvh" aria-busy="true" aria-label={words.common.loading}>
        <Loader />
      </Center>
    );
  }
  if (me.isError) return <LoadError error={me.error} onRetry={() => void me.refetch()} fullPage />;
  if (me.data === null) {
    return <Navigate to={`${paths.signIn}?next=${encodeURIComponent(pathname + search)}`} replace />;
  }
  return <Outlet />;
}
