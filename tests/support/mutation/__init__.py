"""Mutation testing: sources are changed on purpose, to see whether a test fails. `tox -e mutate`.

`mutants` makes the changes with Cosmic Ray's operators, `replaced` makes a pytest process import a changed module,
`sample` tries a random sample and reports the changes that no test noticed.
"""
