/** Texts: errors. */

export const errors = {
  title: "That did not work",
  unknown:
    "Something went wrong that the server did not explain. Try again; if it stays, tell your admin the time.",
  crashTitle: "This page has stumbled",
  crashText:
    "Your labels and uploads are kept. Load the page again; if it stays, tell your admin what you did last.",
  reload: "Load again",
  notFoundTitle: "Nothing here",
  notFoundText: "The address is wrong, or what stood here is not yours to see.",
  toStudies: "To your studies",
  loadTitle: "This could not be loaded",
} as const;
