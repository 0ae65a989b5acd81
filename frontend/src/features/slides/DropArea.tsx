/** The whole page takes files that are dropped on it. */

import { IconFileDownload } from "@tabler/icons-react";
import { useRef, useState, type DragEvent, type ReactNode } from "react";

import { words } from "@/words";

import classes from "./DropArea.module.css";
import { droppedFiles } from "./droppedFiles";

const carriesFiles = (event: DragEvent): boolean => event.dataTransfer.types.includes("Files");

interface Props {
  isOn: boolean;
  onFiles: (files: File[], areFromFolder: boolean) => void;
  children: ReactNode;
}

export function DropArea({ isOn, onFiles, children }: Props) {
  const [isOver, setOver] = useState(false);
  const depth = useRef(0);
  if (!isOn) return children;
  const step = (by: number) => {
    depth.current += by;
    setOver(depth.current > 0);
  };
  const drop = (event: DragEvent) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth.current = 0;
    setOver(false);
    void droppedFiles(event.dataTransfer).then(({ files, inFolders }) => {
      onFiles(files, false);
      onFiles(inFolders, true);
    });
  };
  return (
    <div
      className={classes.root}
      onDragEnter={(event) => carriesFiles(event) && step(1)}
      onDragLeave={(event) => carriesFiles(event) && step(-1)}
      onDragOver={(event) => carriesFiles(event) && event.preventDefault()}
      onDrop={drop}
    >
      {children}
      {isOver && (
        <div className={classes.veil}>
          <IconFileDownload size={40} stroke={1.4} aria-hidden="true" />
          <strong>{words.slides.dropHere}</strong>
          <span>{words.slides.formats}</span>
        </div>
      )}
    </div>
  );
}
