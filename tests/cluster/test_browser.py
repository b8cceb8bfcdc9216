"""One person asks for leave, another approves, in a real browser that verifies certificates."""

import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from cluster.yard import Running

pytestmark = pytest.mark.cluster
EMPLOYEE, MANAGER = "employee@example.com", "manager@example.com"


@pytest.fixture(scope="module")
def browser(ca: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with a home of its own, in which the sandbox's CA is trusted and nothing else."""
    home = tmp_path_factory.mktemp("browser")
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    where = ["-d", f"sql:{database}"]
    subprocess.run(["certutil", *where, "-N", "--empty-password"], check=True)
    subprocess.run(
        ["certutil", *where, "-A", "-t", "C,,", "-n", "sandbox", "-i", str(ca)], check=True
    )
    chromium = shutil.which("chromium")
    assert chromium, "chromium is not installed: scripts/prerequisites test"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            env={**os.environ, "HOME": str(home)},
            args=["--no-sandbox", "--disable-background-networking", "--disable-gpu"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def password(cluster: Running) -> str:
    return cluster.yard.run(
        "ssh", "manager-1", "--", "sudo", "cat", "/etc/beeyard/secrets/timeoff_demo_password"
    ).strip()


def test_leave_is_requested_and_approved(browser: Browser, cluster: Running, password: str) -> None:
    url = cluster.url("timeoff")
    day = _monday_in_three_weeks()
    note = "A week by the sea"
    with browser.new_context(viewport={"width": 390, "height": 844}) as phone:
        page = _sign_in(phone, url, EMPLOYEE, password)
        page.goto(f"{url}leave/new")
        page.get_by_label("First day").fill(day.isoformat())
        page.get_by_label("Last day").fill((day + dt.timedelta(days=4)).isoformat())
        page.get_by_label("Note").fill(note)
        page.get_by_role("button", name="Send request").click()
        expect(page.get_by_text("Pending").first).to_be_visible()
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    with browser.new_context(viewport={"width": 1280, "height": 800}) as desk:
        page = _sign_in(desk, url, MANAGER, password)
        page.goto(f"{url}approvals")
        page.get_by_role("link", name="Review Employee").first.click()
        expect(page.get_by_role("definition").filter(has_text=note)).to_be_visible()
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("Approved").first).to_be_visible()
    with browser.new_context() as phone:
        page = _sign_in(phone, url, EMPLOYEE, password)
        page.goto(f"{url}leave?year={day.year}")
        expect(page.get_by_text("Approved").first).to_be_visible()


def test_a_session_holds_on_both_replicas(
    browser: Browser, cluster: Running, password: str
) -> None:
    """Signed in once, the same cookie is good at whichever replica answers."""
    url = cluster.url("timeoff")
    with browser.new_context() as context:
        page = _sign_in(context, url, EMPLOYEE, password)
        served = set()
        for _ in range(40):
            context.clear_cookies(name="timeoff_replica")
            answer = page.goto(f"{url}leave")
            assert answer is not None
            assert answer.status == 200
            assert page.url == f"{url}leave"
            served.add(answer.headers["x-served-by"])
            if len(served) == 2:
                break
        assert len(served) == 2


def _sign_in(context: BrowserContext, url: str, email: str, password: str) -> Page:
    page = context.new_page()
    page.goto(url)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")
    return page


def _monday_in_three_weeks() -> dt.date:
    """The Monday in three weeks, or in four where two years share that week: the application takes
    no leave across the turn of a year."""
    today = dt.datetime.now(tz=dt.UTC).date()
    monday = today + dt.timedelta(days=21 - today.weekday())
    friday = monday + dt.timedelta(days=4)
    return monday if monday.year == friday.year else monday + dt.timedelta(days=7)
