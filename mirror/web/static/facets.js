// What Datasette's table.js expects of an inline script, which our pages don't run.
var DATASETTE_ALLOW_FACET = true;
