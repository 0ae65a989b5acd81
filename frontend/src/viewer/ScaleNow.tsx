/** The scale of a slide in one line: its value and where it is from. */

import { Text } from "@mantine/core";

import type { Slide } from "@/api/types";
import { formatNumber } from "@/format";
import { scaleWords as words } from "@/words/viewer";

export const scaleText = (mpp: number | null | undefined): string =>
  mpp ? words.perPx(formatNumber(mpp, 4)) : words.unknown;

export function ScaleNow({ slide }: { readonly slide: Slide }) {
  const { mpp, mpp_source: source, file_mpp: file } = slide;
  const from = mpp ? `, ${words.sources[source ?? ""]}` : "";
  const own = source === "file" ? "" : file ? words.file(scaleText(file)) : words.noFile;
  return (
    <Text size="sm">
      {words.now}: <strong>{scaleText(mpp)}</strong>
      {from}. {own}
    </Text>
  );
}
