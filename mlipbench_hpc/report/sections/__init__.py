"""The sections of the page: every module here gives a `SECTION`, which the page places by its order.

A package outside registers its own under the entry-point group `mlipbench_hpc.sections`, for example
`names = my_package.names:SECTION`. Names of sections, figures and keys of results.json must be new.
"""
