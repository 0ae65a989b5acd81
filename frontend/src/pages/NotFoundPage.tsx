/** An address that leads nowhere. */

import { NotFound } from "@/features/common/NotFound";

export function NotFoundPage() {
  return <NotFound fullPage />;
}
