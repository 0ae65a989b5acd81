/** Choose files, or a folder with all that lies in it. */

import { ActionIcon, Button, FileButton, Group } from "@mantine/core";
import { IconFolderUp, IconUpload } from "@tabler/icons-react";

import type { Id } from "@/api/types";
import { words } from "@/words";

import { ACCEPTED } from "./acceptedFiles";
import { sendFiles } from "./useUploads";

const text = words.slides;
// React knows the attribute, its types do not.
const FOLDER = { webkitdirectory: "" } as Record<string, string>;

export function UploadButton({ study }: { study: Id }) {
  return (
    <Group gap={6} wrap="nowrap">
      <FileButton multiple accept={ACCEPTED.join(",")} onChange={(files) => sendFiles(study, files)}>
        {(props) => (
          <Button leftSection={<IconUpload size={17} stroke={1.8} />} {...props}>
            {text.upload}
          </Button>
        )}
      </FileButton>
      <FileButton multiple inputProps={FOLDER} onChange={(files) => sendFiles(study, files, true)}>
        {(props) => (
          <ActionIcon
            variant="default"
            size="input-sm"
            aria-label={text.uploadFolder}
            title={text.uploadFolder}
            {...props}
          >
            <IconFolderUp size={18} stroke={1.7} />
          </ActionIcon>
        )}
      </FileButton>
    </Group>
  );
}
