"""Tests of the command line. A package, since python-hcl2 has one of this name as well."""
