"""Pages over HTTP: who may see what, and what is refused."""

from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL

from support.browser import Visitor
from support.replica import DEMO_PASSWORD, Replica

pytestmark = pytest.mark.slow

PAGES = ["/calendar", "/leave", "/leave/new", "/account"]
ADMIN_PAGES = [
    "/admin/users",
    "/admin/users/new",
    "/admin/departments",
    "/admin/departments/new",
    "/admin/leave-types",
    "/admin/leave-types/new",
    "/admin/holidays",
    "/admin/audit",
]


def test_first_page_leads_to_sign_in_or_calendar(shared_replica: Replica) -> None:
    with Visitor(shared_replica.base) as visitor:
        assert visitor.get("/").headers["location"] == "/sign-in"
        assert visitor.client.head("/").status_code == 303
        visitor.sign_in("employee")
        assert visitor.get("/").headers["location"] == "/calendar"
        visitor.post("/sign-out", {}, form_on="/calendar")
        assert visitor.get("/calendar").headers["location"] == "/sign-in"


def test_who_sees_what(shared_replica: Replica) -> None:
    with Visitor(shared_replica.base) as nobody:
        for path in [*PAGES, *ADMIN_PAGES, "/approvals"]:
            assert nobody.get(path).headers["location"] == "/sign-in"
    expected = {"employee": (403, 403), "manager": (200, 403), "admin": (200, 200)}
    for role, (approvals, administration) in expected.items():
        with Visitor(shared_replica.base) as visitor:
            visitor.sign_in(role)
            assert [visitor.get(path).status_code for path in PAGES] == [200] * len(PAGES)
            assert visitor.get("/approvals").status_code == approvals
            assert {visitor.get(path).status_code for path in ADMIN_PAGES} == {administration}


def test_every_answer_carries_the_headers(shared_replica: Replica) -> None:
    for path in ["/", "/sign-in", "/healthz", "/version", "/static/app.css", "/nowhere"]:
        headers = httpx.get(shared_replica.base + path).headers
        assert headers["x-served-by"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    version = httpx.get(f"{shared_replica.base}/version").json()
    assert version == {"version": "dev", "served_by": headers["x-served-by"]}


def test_forms_without_the_token_are_refused(shared_replica: Replica) -> None:
    fields = {"email": "admin@example.com", "password": DEMO_PASSWORD}
    with Visitor(shared_replica.base) as visitor:
        assert visitor.client.post("/sign-in", data=fields).status_code == 403
        assert visitor.client.post("/sign-in", data={**fields, "csrf": "x"}).status_code == 403
        visitor.sign_in("admin")
        stolen = visitor.token("/account")
        holiday = {"day": "2026-06-10", "name": "Forged"}
        assert visitor.client.post("/admin/holidays", data=holiday).status_code == 403
        assert visitor.client.post("/sign-out").status_code == 415
        assert "Forged" not in visitor.get("/admin/holidays").text
    with Visitor(shared_replica.base) as other:
        other.sign_in("manager")
        fields = {"csrf": stolen, "leave_type_id": "1"}
        assert other.client.post("/leave/new", data=fields).status_code == 403


def test_signing_in_changes_the_token(shared_replica: Replica) -> None:
    with Visitor(shared_replica.base) as visitor:
        before = visitor.token("/sign-in")
        visitor.sign_in("employee")
        assert visitor.token("/account") != before


def test_sign_in_is_throttled(replica: Replica) -> None:
    with Visitor(replica.base) as visitor:
        answers = [visitor.sign_in("employee", "wrong").status_code for _ in range(6)]
        assert answers == [422] * 5 + [429]
        assert visitor.sign_in("employee").status_code == 429
        assert visitor.sign_in("manager").status_code == 303


def test_forged_cookies_are_nobodys(shared_replica: Replica) -> None:
    with Visitor(shared_replica.base) as visitor:
        visitor.sign_in("admin")
        cookie = visitor.client.cookies["timeoff"]
        assert visitor.get("/admin/users").status_code == 200
    forged = {"timeoff": cookie[:-2] + ("AA" if cookie[-2:] != "AA" else "BB")}
    answer = httpx.get(f"{shared_replica.base}/admin/users", cookies=forged)
    assert answer.headers["location"] == "/sign-in"


def test_cookies_are_for_https_and_not_for_scripts(sqlite_url: URL, tmp_path: Path) -> None:
    with Replica.start(sqlite_url, tmp_path, {"COOKIE_SECURE": "true"}) as replica:
        cookie = httpx.get(f"{replica.base}/sign-in").headers["set-cookie"]
    assert cookie.startswith("__Host-timeoff=")
    attributes = {part.strip().lower() for part in cookie.split(";")}
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes


def test_a_new_password_ends_other_sessions(replica: Replica) -> None:
    with Visitor(replica.base) as here, Visitor(replica.base) as there:
        here.sign_in("employee")
        there.sign_in("employee")
        change = {"current": DEMO_PASSWORD, "password": "another password"}
        assert here.post("/account", {**change, "current": "wrong"}).status_code == 422
        assert here.post("/account", change).status_code == 303
        assert here.get("/calendar").status_code == 200
        assert there.get("/calendar").headers["location"] == "/sign-in"


def test_reasons_are_private(shared_replica: Replica) -> None:
    with Visitor(shared_replica.base) as employee:
        employee.sign_in("employee")
        page = employee.get("/calendar?department=all").text
        assert "Designer" in page
        assert "Away" in page
        assert "Annual leave" not in page
        assert "Developer" not in page  # still pending
        assert employee.get("/leave/1").status_code == 404
    with Visitor(shared_replica.base) as manager:
        manager.sign_in("manager")
        page = manager.get("/calendar").text
        assert "Annual leave" in page
        assert "Developer" in page


def test_refused_forms_keep_what_was_written(shared_replica: Replica) -> None:
    fields = {
        "leave_type_id": "1",
        "starts_on": "2020-06-01",
        "ends_on": "2020-06-02",
        "reason": "<script>alert(1)</script>",
    }
    with Visitor(shared_replica.base) as visitor:
        visitor.sign_in("employee")
        answer = visitor.post("/leave/new", fields)
        assert answer.status_code == 422
        assert 'value="2020-06-01"' in answer.text
        assert "&lt;script&gt;" in answer.text
        assert "<script>" not in answer.text
        assert "Leave can be asked for from" in answer.text
        empty = visitor.post("/leave/new", {})
        assert empty.status_code == 422
        assert "First day: choose a date." in empty.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/leave/999", 404),
        ("/leave/99999999999999999999", 404),
        ("/calendar?month=nonsense&department=x", 200),
        ("/calendar?month=0001-01", 200),
        ("/calendar?month=9999-12", 200),
        ("/leave?year=12", 200),
        ("/admin/departments/99", 404),
        ("/admin/users/2147483648", 404),
    ],
)
def test_odd_addresses(shared_replica: Replica, path: str, status: int) -> None:
    with Visitor(shared_replica.base) as visitor:
        visitor.sign_in("admin")
        assert visitor.get(path).status_code == status


def test_too_much_and_the_wrong_kind_are_refused(shared_replica: Replica) -> None:
    with Visitor(shared_replica.base) as visitor:
        visitor.sign_in("employee")
        assert visitor.post("/leave/new", {"reason": "x" * 70_000}).status_code == 413
        many = {f"field{number}": "x" for number in range(300)}
        assert visitor.post("/leave/new", many).status_code == 400
        assert visitor.client.post("/leave/new", json={}).status_code == 415


def test_administration(replica: Replica) -> None:
    with Visitor(replica.base) as admin:
        admin.sign_in("admin")
        new_department = "/admin/departments/new"
        assert admin.post(new_department, {"name": "Sales", "manager_id": "2"}).status_code == 303
        assert admin.post(new_department, {"name": "sales"}).status_code == 422
        change = {"name": "Selling", "manager_id": "3"}
        assert admin.post("/admin/departments/3", change).status_code == 303
        assert "Selling" in admin.get("/admin/departments").text
        on_page = "/admin/departments/3"
        assert admin.post("/admin/departments/1/delete", {}, form_on=on_page).status_code == 422
        assert admin.post("/admin/departments/3/delete", {}, form_on=on_page).status_code == 303
        assert "Selling" not in admin.get("/admin/departments").text.partition("card")[2]

        study = {"name": "Study leave", "days": "2.5", "tone": "blue", "is_active": "yes"}
        assert admin.post("/admin/leave-types/new", study).status_code == 303
        assert admin.post("/admin/leave-types/new", study).status_code == 422
        for days in ("2.25", "-1", "many"):
            wrong = {**study, "name": "Other", "days": days}
            assert admin.post("/admin/leave-types/new", wrong).status_code == 422
        assert "2.5 days" in admin.get("/admin/leave-types").text

        holiday = {"day": "2026-06-10", "name": "A holiday"}
        assert admin.post("/admin/holidays", holiday).status_code == 303
        assert admin.post("/admin/holidays", holiday).status_code == 422
        assert "A holiday" in admin.get("/calendar?month=2026-06").text
        gone = admin.post("/admin/holidays/delete", holiday, form_on="/admin/holidays")
        assert gone.status_code == 303

        actions = admin.get("/admin/audit").text
        for action in ("Department saved", "Leave type saved", "Holiday added", "Signed in"):
            assert action in actions


def test_administration_of_people(replica: Replica) -> None:
    person = {"name": "New person", "email": "new@example.com", "is_active": "yes"}
    with Visitor(replica.base) as admin:
        admin.sign_in("admin")
        secret = {"password": "a first password", "department_id": "1"}
        assert admin.post("/admin/users/new", {**person, "password": "short"}).status_code == 422
        assert admin.post("/admin/users/new", {**person, **secret}).status_code == 303
        with Visitor(replica.base) as visitor:
            assert visitor.sign_in("new", "a first password").status_code == 303
            assert admin.post("/admin/users/7", {**person, "is_active": "yes"}).status_code == 303
            assert visitor.get("/calendar").status_code == 200
            gone = {key: value for key, value in person.items() if key != "is_active"}
            assert admin.post("/admin/users/7", gone).status_code == 303
            assert visitor.get("/calendar").headers["location"] == "/sign-in"
            assert visitor.sign_in("new", "a first password").status_code == 422
        alone = {"name": "Admin", "email": "admin@example.com", "is_active": "yes"}
        refused = admin.post("/admin/users/1", alone)
        assert refused.status_code == 422
        assert "last active administrator" in refused.text


def test_allowances_of_a_person(replica: Replica) -> None:
    with Visitor(replica.base) as admin, Visitor(replica.base) as employee:
        admin.sign_in("admin")
        employee.sign_in("employee")
        year = httpx.get(f"{replica.base}/healthz").headers["date"].split()[3]
        path, form_on = f"/admin/users/3/allowances/{year}", "/admin/users/3"
        assert "of 25 days left" in employee.get("/leave").text
        assert admin.post(path, {"type-1": "30,5"}, form_on=form_on).status_code == 303
        assert "of 30.5 days left" in employee.get("/leave").text
        assert admin.post(path, {"type-1": "x"}, form_on=form_on).status_code == 422
        assert admin.post(path, {"type-1": ""}, form_on=form_on).status_code == 303
        assert "of 25 days left" in employee.get("/leave").text
        odd = "/admin/users/3/allowances/1066"
        assert admin.post(odd, {"type-1": "3"}, form_on=form_on).status_code == 404
