"""Who may do what, and which requests are answered at all."""

import base64
import socket

import httpx
import pytest

from controller.git.served import OPERATOR, VIEWER, Served, Work, new_work

SERVICES = ("git-upload-pack", "git-receive-pack")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """One working copy for all of them: none of them changes anything."""
    work = new_work(tmp_path_factory.mktemp("access") / "work")
    work.commit()
    return work


@pytest.fixture(scope="module")
def there(served: Served, work: Work) -> str:
    """An application with a repository."""
    work.git("push", "--quiet", served.url("there"), "main")
    return "there"


def raw(served: Served, target: str, token: str = OPERATOR, method: str = "GET") -> bytes:
    """What is answered to a request line as it stands, which no client would send."""
    signed = base64.b64encode(f"x:{token}".encode()).decode()
    request = (
        f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Basic {signed}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(request.encode("latin-1"))
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_without_a_token_it_says_how_to_sign_in(served: Served, there: str) -> None:
    url = f"http://127.0.0.1:{served.port}/{there}.git/info/refs?service=git-upload-pack"
    answer = httpx.get(url)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="beeyard", charset="UTF-8"'
    assert "sign in" in answer.text


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !", "Basic eA==", "Bearer x", "Basic /////w==", f"Token {OPERATOR}"],
)
def test_what_is_no_sign_in_is_none(served: Served, there: str, header: str) -> None:
    url = f"http://127.0.0.1:{served.port}/{there}.git/info/refs?service=git-upload-pack"
    assert httpx.get(url, headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("service", SERVICES)
def test_a_post_needs_it_as_well(served: Served, there: str, service: str) -> None:
    url = f"http://127.0.0.1:{served.port}/{there}.git/{service}"
    answer = httpx.post(url, headers={"Content-Type": f"application/x-{service}-request"})
    assert answer.status_code == 401


def test_a_wrong_token_neither_reads_nor_pushes(served: Served, work: Work, there: str) -> None:
    url = served.url(there, "wrong")
    for arguments in (("ls-remote", url), ("push", url, "main:other")):
        said = work.git(*arguments, check=False)
        assert said.code == 128
        assert "Authentication failed" in said.stderr
    assert "127.0.0.1" in served.users.addresses


def test_a_viewer_does_not_push(served: Served, work: Work, there: str) -> None:
    said = work.git("push", served.url(there, VIEWER), "main:other", check=False)
    assert said.code == 128
    assert f"remote: viewer may not push {there}: that takes the role of an operator" in said.stderr
    url = served.url(there, VIEWER) + "/git-receive-pack"
    kind = {"Content-Type": "application/x-git-receive-pack-request"}
    assert httpx.post(url, headers=kind, content=b"0000").status_code == 403
    assert len(served.pushed(there)) == 1


def test_a_viewer_makes_no_repository(served: Served, work: Work, application: str) -> None:
    assert work.git("push", served.url(application, VIEWER), "main", check=False).code == 128
    assert not served.path(application).exists()


def test_an_application_that_the_cluster_lacks_is_named(
    served: Served, work: Work, application: str
) -> None:
    served.unknown.add(application)
    said = work.git("push", served.url(application), "main", check=False)
    assert said.code == 128
    assert f"remote: this cluster has no application `{application}`" in said.stderr
    assert not served.path(application).exists()


def test_one_that_the_cluster_has_no_more_can_be_read(
    served: Served, work: Work, there: str
) -> None:
    served.unknown.add(there)
    try:
        assert work.git("ls-remote", served.url(there)).code == 0
        assert work.git("push", served.url(there), "main:other", check=False).code == 128
    finally:
        served.unknown.remove(there)


@pytest.mark.parametrize(
    "target",
    [
        "/../{there}.git/info/refs",
        "/./{there}.git/info/refs",
        "//{there}.git/info/refs",
        "/x/../{there}.git/info/refs",
        "/%2e%2e/{there}.git/info/refs",
        "/..%2f{there}.git/info/refs",
        "/..%2f..%2f..%2fetc.git/info/refs",
        "/{there}%00.git/info/refs",
        "/{there}.git%00/info/refs",
        "/%2fetc%2fpasswd.git/info/refs",
        "/{there}%0a.git/info/refs",
        "/{there}.git/./info/refs",
        "/{there}.git/info%2frefs",
        "/{there}.git/info/refs/",
        "/{there}.git//info/refs",
        "/{there}/info/refs",
        "/{there}.git/HEAD",
        "/{there}.git/config",
        "/{there}.git/objects/info/packs",
        "/{there}.git/../{there}.git/info/refs",
        "/-{there}.git/info/refs",
        "/--upload-pack=x.git/info/refs",
        "/.git/info/refs",
        "/..git/info/refs",
        "/beeyard.git/info/refs",
        "/{there}.GIT/info/refs",
        "/" + "a" * 32 + ".git/info/refs",
        "/.new-{there}.git/info/refs",
        "/a--b.git/info/refs",
        "/~root.git/info/refs",
        "*",
        "http://127.0.0.1/{there}.git/info/refs",
    ],
)
@pytest.mark.parametrize("service", SERVICES)
def test_no_other_path_leads_anywhere(
    served: Served, there: str, target: str, service: str
) -> None:
    before = sorted(served.repositories.folder.parent.rglob("*"))
    answer = raw(served, f"{target.format(there=there)}?service={service}")
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))
    assert sorted(served.repositories.folder.parent.rglob("*")) == before


def test_the_plain_path_leads_there(served: Served, there: str) -> None:
    """What the paths above are refused for is not the request that they come with."""
    answer = raw(served, f"/{there}.git/info/refs?service=git-upload-pack")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"no-cache, max-age=0, must-revalidate" in answer


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?service=",
        "?service=git-upload-archive",
        "?service=upload-pack",
        "?service=git-upload-pack&service=git-receive-pack",
        "?service=git-upload-pack%00",
        "?service=--help",
    ],
)
def test_there_is_no_other_service(served: Served, there: str, query: str) -> None:
    assert raw(served, f"/{there}.git/info/refs{query}").startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "info/refs"),
        ("HEAD", "info/refs"),
        ("GET", "git-upload-pack"),
        ("PUT", "git-receive-pack"),
        ("DELETE", "git-receive-pack"),
        ("OPTIONS", "git-upload-pack"),
    ],
)
def test_there_is_one_method_for_each(served: Served, there: str, method: str, path: str) -> None:
    answer = raw(served, f"/{there}.git/{path}?service=git-upload-pack", method=method)
    assert answer.startswith(b"HTTP/1.1 405 ")


def test_what_a_browser_would_send_is_refused(served: Served, there: str) -> None:
    """A form of another site that has the user's password sends no such type."""
    url = served.url(there) + "/git-receive-pack"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert httpx.post(url, headers=kind, content=b"0000").status_code == 415
    encoded = {"Content-Type": "application/x-git-receive-pack-request", "Content-Encoding": "br"}
    assert httpx.post(url, headers=encoded, content=b"0000").status_code == 415
