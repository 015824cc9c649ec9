//! Nothing but its test: the checker of `segstock-conformance` against that of another project.
