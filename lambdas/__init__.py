"""The Lambda handlers, one a file: parse, call one function of `loginq.service`, map the result."""
