/** Which page stands at which address. The viewer pages come on demand: they carry the heavy libraries. */

import { createBrowserRouter, Navigate, type RouteObject } from "react-router";

import { CountsPage } from "@/pages/CountsPage";
import { DatasetsPage } from "@/pages/DatasetsPage";
import { ModelCardPage } from "@/pages/ModelCardPage";
import { ModelsPage } from "@/pages/ModelsPage";
import { NotFoundPage } from "@/pages/NotFoundPage";
import { PatchesPage } from "@/pages/PatchesPage";
import { PeoplePage } from "@/pages/PeoplePage";
import { SignInPage } from "@/pages/SignInPage";
import { SlidesPage } from "@/pages/SlidesPage";
import { StudiesPage } from "@/pages/StudiesPage";

import { RouteError } from "./ErrorBoundary";
import { paths } from "./paths";
import { RequireSession } from "./RequireSession";
import { Shell } from "./Shell";
import { StudyLayout } from "./StudyLayout";

const trainingPage = async () => ({ Component: (await import("@/pages/TrainingPage")).TrainingPage });

const studyPages: RouteObject[] = [
  { index: true, element: <Navigate to="slides" replace /> },
  { path: "slides", element: <SlidesPage /> },
  { path: "patches", element: <PatchesPage /> },
  { path: "datasets", element: <DatasetsPage /> },
  { path: "datasets/:datasetId", element: <DatasetsPage /> },
  { path: "datasets/freezes/:freezeId", element: <DatasetsPage /> },
  { path: "training", lazy: trainingPage },
  { path: "training/:runId", lazy: trainingPage },
  { path: "models", element: <ModelsPage /> },
  { path: "models/:modelId", element: <ModelCardPage /> },
  { path: "counts", element: <CountsPage /> },
  { path: "people", element: <PeoplePage /> },
];

const viewerPages: RouteObject[] = [
  {
    path: "compare",
    lazy: async () => ({ Component: (await import("@/pages/ComparePage")).ComparePage }),
  },
  {
    path: "slides/:slideId/label",
    lazy: async () => ({ Component: (await import("@/pages/LabelPage")).LabelPage }),
  },
  {
    path: "slides/:slideId/detect",
    lazy: async () => ({ Component: (await import("@/pages/DetectPage")).DetectPage }),
  },
];

export const routes: RouteObject[] = [
  {
    errorElement: <RouteError />,
    hydrateFallbackElement: <div aria-busy="true" />,
    children: [
      { path: paths.signIn, element: <SignInPage /> },
      {
        element: <RequireSession />,
        children: [
          { index: true, element: <Navigate to={paths.studies} replace /> },
          {
            element: <Shell />,
            errorElement: <RouteError />,
            children: [
              { path: paths.studies, element: <StudiesPage /> },
              {
                path: "studies/:studyId",
                children: [{ element: <StudyLayout />, children: studyPages }, ...viewerPages],
              },
              { path: "*", element: <NotFoundPage /> },
            ],
          },
        ],
      },
    ],
  },
];

export const makeRouter = () => createBrowserRouter(routes);
