/** Something is on its way. */

import { Center, Loader } from "@mantine/core";

import { words } from "@/words";

export function Loading() {
  return (
    <Center py={96} aria-busy="true" role="status" aria-label={words.common.loading}>
      <Loader />
    </Center>
  );
}
