"""`make images`: the sandbox's images, before the tests need them."""

import sys
import time

from beeyard.errors import BeeyardError
from beeyard.sandbox import build_images


def main() -> None:
    started = time.monotonic()
    sys.stderr.write("images: building what is not there yet\n")
    try:
        build_images(lambda _: None)
    except BeeyardError as error:
        sys.exit(f"images: {error}")
    sys.stderr.write(f"images: there ({time.monotonic() - started:.0f} s)\n")


if __name__ == "__main__":
    main()
