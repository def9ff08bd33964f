/** The screens: one line each. `nav: false`: reached from other screens only. */
import { lazy, type ComponentType, type LazyExoticComponent } from "react";
import type { TextKey } from "../i18n/texts";

export interface Screen {
  path: string;
  title: TextKey;
  nav: boolean;
  Page: LazyExoticComponent<ComponentType<{ id: string }>>;
}

export const SCREENS: Screen[] = [
  { path: "search", title: "nav.search", nav: true, Page: lazy(() => import("../screens/search/SearchScreen")) },
  { path: "chart", title: "nav.chart", nav: true, Page: lazy(() => import("../screens/chart/ChartScreen")) },
  { path: "paths", title: "path.title", nav: true, Page: lazy(() => import("../screens/paths/PathsScreen")) },
  { path: "rings", title: "nav.rings", nav: true, Page: lazy(() => import("../screens/rings/RingsScreen")) },
  { path: "submissions", title: "nav.submissions", nav: true, Page: lazy(() => import("../screens/submissions/SubmissionsScreen")) },
  { path: "requests", title: "nav.requests", nav: true, Page: lazy(() => import("../screens/requests/RequestsScreen")) },
  { path: "policies", title: "nav.policies", nav: true, Page: lazy(() => import("../screens/policies/PoliciesScreen")) },
  { path: "audit", title: "nav.audit", nav: true, Page: lazy(() => import("../screens/audit/AuditScreen")) },
  { path: "key", title: "signing.key", nav: true, Page: lazy(() => import("../screens/keys/KeysScreen")) },
  { path: "help", title: "nav.help", nav: true, Page: lazy(() => import("../screens/help/HelpScreen")) },
];
