/** A slide that could not be read goes away again, the file with it. */

import { Button } from "@mantine/core";

import { useDeleteSlide } from "@/api/slides";
import type { Slide } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { words } from "@/words";

const text = words.slides;

export function TakeAway({ slide, onDone }: { slide: Slide; onDone?: () => void }) {
  const remove = useDeleteSlide(slide.study);
  const takeAway = () =>
    remove.mutate(slide.id, {
      onSuccess: () => {
        notifyDone(text.removed(slide.code));
        onDone?.();
      },
    });
  return (
    <Button
      color="red"
      variant="light"
      loading={remove.isPending}
      onClick={takeAway}
      aria-label={`${text.remove}: ${slide.code}`}
    >
      {text.remove}
    </Button>
  );
}
