/** An absent thing and somebody else's thing look the same. */

import { Button } from "@mantine/core";
import { IconCompass } from "@tabler/icons-react";
import { Link } from "react-router";

import { paths } from "@/app/paths";
import { words } from "@/words";

import { EmptyState } from "./EmptyState";

export function NotFound({ fullPage = false }: { fullPage?: boolean }) {
  return (
    <EmptyState
      icon={IconCompass}
      title={words.errors.notFoundTitle}
      text={words.errors.notFoundText}
      fullPage={fullPage}
      action={
        <Button component={Link} to={paths.studies} variant="default">
          {words.errors.toStudies}
        </Button>
      }
    />
  );
}
