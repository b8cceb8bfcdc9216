"""`beeyard`, and `python -m beeyard.cli`."""

import gc


def run() -> None:
    """The console script: `main`, and out."""
    # What is loaded stays. The collector would look through it over and over: while it is loaded
    # a seventh of that time; before the interpreter ends a fifth of a short command's.
    gc.disable()
    from beeyard.cli.main import main  # noqa: PLC0415
    from beeyard.cli.signals import leave  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    code = main()
    gc.freeze()
    leave(code)


if __name__ == "__main__":
    run()
