/** Uploads go on while one walks through other pages: this leads back to them. */

import { Button } from "@mantine/core";
import { IconUpload } from "@tabler/icons-react";
import { Link } from "react-router";

import { paths } from "@/app/paths";
import { words } from "@/words";

import { isUnderWay } from "./uploadQueue";
import { useUploads } from "./useUploads";

export function UploadChip() {
  const underWay = useUploads().filter(isUnderWay);
  const first = underWay[0];
  if (!first) return null;
  return (
    <Button
      component={Link}
      to={paths.slides(first.study)}
      size="compact-sm"
      variant="light"
      leftSection={<IconUpload size={14} />}
    >
      {words.slides.uploads.title(underWay.length)}
    </Button>
  );
}
