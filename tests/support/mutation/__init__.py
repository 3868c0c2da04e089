"""Changes made to the sources on purpose, to see whether a test notices: `tox -e mutate`.

`mutants` makes them with Cosmic Ray's operators, `replaced` lets a pytest process import a changed module, `sample`
tries a random sample and reports which changes no test noticed.
"""
