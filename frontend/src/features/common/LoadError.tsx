/** What could not be loaded, in words, with a way on. */

import { Button } from "@mantine/core";
import { IconCloudOff } from "@tabler/icons-react";

import { ApiError } from "@/api/request";
import { NotFound } from "@/features/common/NotFound";
import { errorMessage } from "@/app/notify";
import { words } from "@/words";

import { EmptyState } from "./EmptyState";

interface Props {
  error: unknown;
  onRetry?: () => void;
  fullPage?: boolean;
}

export function LoadError({ error, onRetry, fullPage = false }: Props) {
  if (error instanceof ApiError && error.status === 404) return <NotFound fullPage={fullPage} />;
  return (
    <EmptyState
      icon={IconCloudOff}
      title={words.errors.loadTitle}
      text={errorMessage(error)}
      fullPage={fullPage}
      role="alert"
      action={
        onRetry && (
          <Button variant="default" onClick={onRetry}>
            {words.common.retry}
          </Button>
        )
      }
    />
  );
}
