"""A browser without a screen: HTTP, forms and cookies."""

import re

import httpx

from support.replica import DEMO_PASSWORD

TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


class Visitor:
    """Somebody with a cookie jar."""

    def __init__(self, base: str) -> None:
        self.client = httpx.Client(base_url=base, timeout=20)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def get(self, path: str) -> httpx.Response:
        """Read a page; redirects are not followed."""
        return self.client.get(path)

    def token(self, path: str) -> str:
        """The CSRF token of the page's forms."""
        found = TOKEN.search(self.get(path).text)
        assert found, f"no form on {path}"
        return found[1]

    def post(self, path: str, fields: dict[str, str], form_on: str | None = None) -> httpx.Response:
        """Send a form that stands on the page `form_on` (default: `path`)."""
        return self.client.post(path, data={"csrf": self.token(form_on or path), **fields})

    def sign_in(self, role: str, password: str = DEMO_PASSWORD) -> httpx.Response:
        """Sign in as one of the demo's people."""
        fields = {"email": f"{role}@example.com", "password": password}
        return self.post("/sign-in", fields)
