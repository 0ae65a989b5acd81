/** Everything that surrounds the pages: theme, cache, messages, addresses. */

import { MantineProvider } from "@mantine/core";
import { ModalsProvider } from "@mantine/modals";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { useState } from "react";
import { RouterProvider } from "react-router/dom";

import { schemeManager } from "./colorScheme";
import { cspNonce } from "./cspNonce";
import { ErrorBoundary } from "./ErrorBoundary";
import { makeQueryClient } from "./queryClient";
import { makeRouter } from "./router";
import { resolveVariables, theme } from "./theme";

export function App() {
  const [client] = useState(makeQueryClient);
  const [router] = useState(makeRouter);
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={resolveVariables}
      colorSchemeManager={schemeManager}
      defaultColorScheme="auto"
      getStyleNonce={cspNonce}
    >
      <ErrorBoundary>
        <QueryClientProvider client={client}>
          <ModalsProvider>
            <Notifications position="bottom-right" limit={4} />
            <RouterProvider router={router} />
          </ModalsProvider>
        </QueryClientProvider>
      </ErrorBoundary>
    </MantineProvider>
  );
}
