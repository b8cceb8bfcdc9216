"""The whole of it in headless Chromium, on a phone and on a desktop."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from support.replica import DEMO_PASSWORD, Replica

pytestmark = pytest.mark.slow

PHONE, SMALL, DESKTOP = (390, 844), (360, 740), (1280, 800)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PAGES = [
    "/calendar",
    "/calendar?department=all",
    "/leave",
    "/leave/new",
    "/leave/1",
    "/leave/2",
    "/approvals",
    "/account",
    "/admin/users",
    "/admin/users/new",
    "/admin/users/3",
    "/admin/departments",
    "/admin/departments/1",
    "/admin/leave-types",
    "/admin/leave-types/1",
    "/admin/holidays",
    "/admin/audit",
    "/nowhere",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "chromium is not installed: apt-get install chromium (or set CHROMIUM)"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


def open_page(browser: Browser, replica: Replica, size: tuple[int, int]) -> Page:
    viewport = ViewportSize(width=size[0], height=size[1])
    page = browser.new_page(viewport=viewport, base_url=replica.base)
    page.on("console", lambda message: pytest.fail(message.text) if _is_bad(message) else None)
    page.goto("/")
    return page


def _is_bad(message: object) -> bool:
    """Whether Chromium complains, of a broken policy for instance; 404 and 422 are on purpose."""
    return getattr(message, "type", "") == "error" and "status of 4" not in str(message)


def sign_in(page: Page, role: str) -> None:
    page.get_by_label("E-mail").fill(f"{role}@example.com")
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(str(datetime.now(UTC).year))


def assert_fits(page: Page) -> None:
    """Nothing sticks out to the right, and everything that is pressed has a name."""
    width = page.evaluate("document.scrollingElement.scrollWidth")
    assert width <= page.evaluate("innerWidth"), f"{page.url} is {width} px wide"
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('a, button, input, select, textarea')]
            .filter(e => e.type !== 'hidden')
            .filter(e => !(e.innerText || e.getAttribute('aria-label')
                || e.labels && e.labels.length || '').toString().trim())
            .map(e => e.outerHTML)"""
    )
    assert nameless == []
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize("size", [PHONE, SMALL, DESKTOP], ids=["phone", "small", "desktop"])
def test_every_page_fits(browser: Browser, shared_replica: Replica, size: tuple[int, int]) -> None:
    page = open_page(browser, shared_replica, size)
    assert_fits(page)
    sign_in(page, "admin")
    for path in PAGES:
        page.goto(path)
        assert_fits(page)
    page.close()


def _next_june_monday() -> datetime:
    first = datetime(datetime.now(UTC).year + 1, 6, 1, tzinfo=UTC)
    return first + timedelta(days=-first.weekday() % 7)


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_request_approve_and_see_it(
    browser: Browser, replica: Replica, size: tuple[int, int]
) -> None:
    monday = _next_june_monday()
    page = open_page(browser, replica, size)
    sign_in(page, "employee")
    expect(page.get_by_role("link", name="Approvals")).to_have_count(0)
    page.get_by_role("link", name="Request leave").click()
    page.get_by_label("Type of leave").select_option("Annual leave")
    page.get_by_label("First day").fill(f"{monday:%Y-%m-%d}")
    page.get_by_label("Last day").fill(f"{monday + timedelta(days=2):%Y-%m-%d}")
    page.get_by_label("Ends").select_option("Noon")
    page.get_by_label("Note").fill("A wedding")
    page.get_by_role("button", name="Send request").click()
    expect(page.get_by_role("status")).to_have_text("You asked for 2.5 days of leave.")
    expect(page.get_by_text("Pending", exact=True)).to_be_visible()
    assert_fits(page)
    page.get_by_role("button", name="Sign out").click()

    sign_in(page, "manager")
    page.get_by_role("link", name="Approvals").click()
    page.get_by_role("link", name="Review Employee's request").click()
    expect(page.get_by_text("A wedding").first).to_be_visible()
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("alert")).to_have_text("Say why you reject it.")
    page.get_by_label("Comment").fill("Have fun")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status")).to_have_text("Employee's leave is approved.")
    assert_fits(page)

    page.goto(f"/calendar?month={monday:%Y-%m}")
    away = page.get_by_role("region", name=f"Away in {monday:%B}")
    expect(away.get_by_role("link", name="Employee")).to_be_visible()
    expect(page.locator("table.month .chip")).to_have_count(3)
    away.get_by_role("link", name="Employee").click()
    history = page.get_by_role("region", name="History")
    expect(history.get_by_text("Approved by Manager")).to_be_visible()
    page.close()


def test_cancel(browser: Browser, replica: Replica) -> None:
    monday = _next_june_monday()
    page = open_page(browser, replica, PHONE)
    sign_in(page, "employee")
    page.goto("/leave/new")
    page.get_by_label("First day").fill(f"{monday:%Y-%m-%d}")
    page.get_by_label("Last day").fill(f"{monday:%Y-%m-%d}")
    page.get_by_role("button", name="Send request").click()
    page.get_by_role("button", name="Cancel request").click()
    expect(page.get_by_role("status")).to_have_text("Your request is cancelled.")
    page.goto(f"/leave?year={monday.year}")
    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
    page.close()


def test_keyboard_reaches_the_content_first(browser: Browser, shared_replica: Replica) -> None:
    page = open_page(browser, shared_replica, DESKTOP)
    sign_in(page, "employee")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.close()
