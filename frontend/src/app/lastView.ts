/** The list of slides as it was last seen in this tab: the way back from a slide leads there, filters and all. */

const key = (study: string): string => `slides-view:${study}`;

export function rememberView(study: number, search: string): void {
  sessionStorage.setItem(key(String(study)), search);
}

export const lastView = (study: string): string => sessionStorage.getItem(key(study)) ?? "";
