// How the search ranks: as Sphinx does, but a page that defines a term comes before the lists that hold every term.
var Scorer = {
  score: ([docname, , , , score, , kind]) => kind === "index" && docname.startsWith("reference/") ? score / 2 : score,
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};
