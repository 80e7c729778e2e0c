"""The HTTP contract of the API: routes, parameters, tokens, paging, errors. What it answers from is a Backend behind it."""
