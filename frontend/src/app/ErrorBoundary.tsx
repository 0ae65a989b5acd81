/** A page that breaks says so in words and leaves the rest standing. */

import { Button } from "@mantine/core";
import { IconBandage } from "@tabler/icons-react";
import { Component, type ReactNode } from "react";

import { EmptyState } from "@/features/common/EmptyState";
import { words } from "@/words";

function Crash() {
  return (
    <EmptyState
      icon={IconBandage}
      title={words.errors.crashTitle}
      text={words.errors.crashText}
      role="alert"
      fullPage
      action={<Button onClick={() => window.location.reload()}>{words.errors.reload}</Button>}
    />
  );
}

/** For the router: a route that throws, or a file of the page that no longer exists after an update. */
export function RouteError() {
  return <Crash />;
}

export class ErrorBoundary extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override render() {
    return this.state.hasFailed ? <Crash /> : this.props.children;
  }
}
