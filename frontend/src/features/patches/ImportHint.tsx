/** How patches that exist already come in: a command on the server, ready to copy. */

import { ActionIcon, Code, CopyButton, Text } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";

import { words } from "@/words";

import classes from "./ImportHint.module.css";

export function ImportHint({ study }: { study: string }) {
  const command = words.patches.importCommand(study);
  return (
    <div className={classes.root}>
      <Text className={classes.words}>{words.patches.emptyImport}</Text>
      <div className={classes.line}>
        <Code className={classes.code}>{command}</Code>
        <CopyButton value={command}>
          {({ copied, copy }) => {
            const label = copied ? words.common.copied : words.common.copy;
            return (
              <ActionIcon onClick={copy} aria-label={label} title={label}>
                {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
              </ActionIcon>
            );
          }}
        </CopyButton>
      </div>
      <Text className={classes.words}>{words.patches.importNote}</Text>
    </div>
  );
}
