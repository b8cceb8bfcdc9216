"""What each forge's deliveries are read as, and what nothing runs for."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from beeyard.controller.forges.hook import Move
from beeyard.controller.forges.payload import LONGEST_TEXT
from beeyard.controller.forges.refusal import HookError, Unreadable, Unusable
from beeyard.pipelines.event import Author, Event, Repository
from controller.forges.payloads import (
    FORMS,
    NOTHING,
    A,
    B,
    C,
    Delivery,
    pull,
    push,
    settings,
)


def event(delivery: Delivery) -> Event:
    found = delivery.received().event
    assert found is not None
    return found


@pytest.mark.parametrize("form", FORMS)
def test_a_push(form: str) -> None:
    found = event(push(form))
    kind = push(form).kind
    host = {"github": "github", "gitea": "gitea", "gitlab": "lab"}[kind]
    assert found == Event(
        kind="push",
        repository=Repository(
            "acme",
            "shop",
            clone_url=f"https://{host}.example.com/acme/shop.git",
            ssh_url="git@forge.example.com:acme/shop.git",
            link=f"https://{'lab' if kind == 'gitlab' else 'forge'}.example.com/acme/shop",
            private=False,
            visibility="public",
        ),
        ref="refs/heads/main",
        commit=B,
        branch="main",
        before=A,
        title="Sell more",
        message="Sell more\n\nMuch more.",
        link=found.link,
        author=Author("ada", "Ada", "ada@example.com", found.author.avatar),
        sender="ada",
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1))),
    )
    assert found.link.startswith("https://")
    assert found.author.avatar.endswith("/ada.png")
    assert push(form).received().move == Move("refs/heads/main", A, B)


@pytest.mark.parametrize("form", FORMS)
def test_a_new_branch_is_created(form: str) -> None:
    found = event(push(form, before=NOTHING))
    assert (found.action, found.before) == ("created", "")


@pytest.mark.parametrize("form", FORMS)
def test_of_an_annotated_tag_the_commit_is_what_runs(form: str) -> None:
    delivery = push(form, before=NOTHING, after=B, ref="refs/tags/v1.0")
    found = event(delivery)
    assert (found.kind, found.tag, found.commit, found.branch) == ("tag", "v1.0", C, "main")
    assert delivery.received().move == Move("refs/tags/v1.0", NOTHING, B)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/v1"])
def test_nothing_runs_for_a_deletion_but_it_is_known(form: str, ref: str) -> None:
    hook = push(form, before=A, after=NOTHING, ref=ref).received()
    assert hook.event is None
    assert hook.why == f"{ref} was deleted"
    assert hook.move == Move(ref, A, NOTHING)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("action", ["opened", "reopened", "synchronize"])
def test_a_pull_request(form: str, action: str) -> None:
    before = A if action == "synchronize" and form not in ("gitea", "forgejo") else None
    delivery = pull(form, action, before=before)
    found = event(delivery)
    merge = form.startswith("gitlab")
    ref = "refs/merge-requests/7/head" if merge else "refs/pull/7/head"
    assert (found.kind, found.ref, found.number, found.action) == ("pull_request", ref, 7, action)
    assert (found.commit, found.source, found.branch, found.title) == (
        B,
        "fix",
        "main",
        "Fix the till",
    )
    assert not found.fork
    assert found.repository.slug == "acme/shop"
    assert (found.author.email, found.sender) == ("", "bob")
    assert delivery.received().move == Move(ref, before or "", B)


@pytest.mark.parametrize("form", FORMS)
def test_a_pull_request_of_another_repository_is_a_fork(form: str) -> None:
    found = event(pull(form, fork=True))
    assert found.fork
    assert found.repository.slug == "acme/shop"


@pytest.mark.parametrize("form", ["github", "gitea", "forgejo"])
def test_where_the_other_repository_is_gone_it_counts_as_a_fork(form: str) -> None:
    delivery = pull(form)
    delivery.payload["pull_request"]["head"]["repo"] = None
    assert event(delivery).fork


def test_a_repository_that_took_the_name_is_still_another() -> None:
    delivery = pull("github")
    delivery.payload["pull_request"]["head"]["repo"]["id"] = 99
    assert event(delivery).fork


@pytest.mark.parametrize(
    "change",
    [
        {"source_project_id": None},
        {"target_project_id": None},
        {"source": None},
        {"source_project_id": 5},
        {"source": {"path_with_namespace": "stranger/shop"}},
    ],
)
def test_a_merge_request_of_which_nobody_knows_counts_as_a_fork(change: dict[str, Any]) -> None:
    delivery = pull("gitlab")
    delivery.payload["object_attributes"] |= change
    assert event(delivery).fork


@pytest.mark.parametrize(
    ("delivery", "why"),
    [
        (Delivery("github", "ping", {"zen": "…", "hook_id": 1}), "pong"),
        (Delivery("github", "issues", {"action": "opened"}), "`issues`"),
        (Delivery("gitea", "create", {"ref": "main"}), "`create`"),
        (Delivery("forgejo", "repository", {}), "`repository`"),
        (Delivery("gitlab", "Note Hook", {}), "`Note Hook`"),
        (Delivery("gitlab", "System Hook", {}), "`System Hook`"),
        (pull("github", "closed"), "is closed"),
        (pull("gitea", "label_updated"), "is label_updated"),
        (pull("gitlab", "closed"), "is `close`"),
        # Without `oldrev`, an update changes no code.
        (pull("gitlab", "synchronize"), "is `update`"),
        (push("gitea", A, A), "has not moved"),
        (push("github", ref="refs/notes/commits"), "neither a branch nor a tag"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_runs_for_the_rest_and_the_answer_says_why(delivery: Delivery, why: str) -> None:
    hook = delivery.received()
    assert (hook.event, hook.move) == (None, None)
    assert why in hook.why


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("words", ["[ci skip]", "[SKIP CI]", "***NO_CI***"])
def test_words_that_skip(form: str, words: str) -> None:
    hook = push(form, message=f"Tidy up\n\n{words}").received()
    assert hook.event is None
    assert hook.why == f"the commit says {words.lower()}"
    assert hook.move == Move("refs/heads/main", A, B), "the branch has moved all the same"
    assert pull(form, title=f"Tidy {words}").received().event is None
    tag = push(form, before=NOTHING, ref="refs/tags/v1", message=words)
    assert event(tag).kind == "tag", "docs.drone.io: not for tags"


def test_a_slug_is_compared_as_forges_do() -> None:
    known = settings("github", repository="Acme/Shop")
    assert push("github").received(known).event is not None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", [B, NOTHING])
def test_a_delivery_about_another_repository_is_refused(form: str, after: str) -> None:
    delivery = push(form, after=after)
    with pytest.raises(Unusable, match="about acme/shop"):
        delivery.received(settings(delivery.kind, delivery.secret, repository="acme/bakery"))


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "$(touch${IFS}x)",
        "`id`",
        "a;b",
        "a|b",
        'a"b',
        "a'b",
        "a b",
        "a\nb",
        "a\0b",
        "-rf",
        ".hidden",
        "a/.b",
        "a.lock",
        "a..b",
        "a@{1}",
        "a//b",
        "a/",
        "a\u202eb",
        "x" * 300,
        "",
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_names_that_could_do_harm_are_refused(form: str, name: str) -> None:
    refused = push(form, ref=f"refs/heads/{name}")
    if name == "-rf":
        # Behind `refs/heads/` it is harmless; as the name of a branch it is not.
        refused = pull(form)
        end = refused.payload.get("object_attributes") or refused.payload["pull_request"]["head"]
        end["source_branch" if form.startswith("gitlab") else "ref"] = name
    with pytest.raises(Unusable) as caught:
        refused.received()
    assert len(str(caught.value.as_dict())) < 500


@pytest.mark.parametrize(
    "name",
    ["main", "feature/ÄÖ-7", "dependabot/npm/@types/node-1.2", "v1.0+rc=2", "fix,#12", "50%"],
)
def test_names_that_people_use_are_taken(name: str) -> None:
    assert event(push("github", ref=f"refs/heads/{name}")).branch == name


@pytest.mark.parametrize(
    "commit", ["", "HEAD", "--help", "b" * 39, "B" * 40, "b" * 41, "b" * 64, 7, None]
)
@pytest.mark.parametrize("form", FORMS)
def test_commits_that_are_none_are_refused(form: str, commit: Any) -> None:
    delivery = push(form)
    delivery.payload["after"] = commit
    with pytest.raises(Unusable, match="not as its forge would send it"):
        delivery.received()


def test_a_head_before_that_is_none_is_refused() -> None:
    """It becomes an argument of Git's."""
    with pytest.raises(Unusable, match="not as"):
        pull("github", "synchronize", before="--upload-pack=x").received()


def test_what_is_only_shown_is_cut_and_cleaned() -> None:
    delivery = push("github", message="a\0b\x1b[31m\u202e" + "x" * 2 * LONGEST_TEXT)
    delivery.payload["compare"] = "javascript:alert(1)"
    delivery.payload["head_commit"]["url"] = None
    delivery.payload["head_commit"]["timestamp"] = "yesterday"
    delivery.payload["sender"] = None
    delivery.payload["repository"]["ssh_url"] = "ext::sh -c id"
    found = event(delivery)
    assert found.message.startswith("ab[31mxxx")
    assert len(found.message) <= LONGEST_TEXT
    assert (found.link, found.at, found.sender) == ("", None, "")
    assert found.repository.ssh_url == ""


def test_where_the_clone_comes_from_is_not_for_a_delivery_to_say() -> None:
    """A token goes there."""
    assert event(push("github")).repository.clone_url == "https://github.example.com/acme/shop.git"


def test_moments_without_a_zone_are_in_utc() -> None:
    assert event(pull("gitlab")).at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_delivery_that_is_sent_as_a_form_is_refused_with_what_to_set() -> None:
    sent = push("github", more={"content-type": "application/x-www-form-urlencoded"})
    with pytest.raises(Unreadable) as caught:
        sent.received()
    assert "application/json" in str(caught.value.fix)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"\xff\xfe",
        b'{"ref": "\xff"}',
        b'{"ref": "\\ud800"}',
    ],
    ids=["empty", "cut", "deep list", "deep map", "no text", "no utf-8", "half a letter"],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(HookError) as caught:
        Delivery("github", "push", body).received()
    assert caught.value.status in (400, 422)


@pytest.mark.parametrize("payload", [None, [], 7, "x", {}, {"ref": "refs/heads/main"}])
@pytest.mark.parametrize("form", FORMS)
def test_json_of_something_else_is_refused(form: str, payload: Any) -> None:
    delivery = push(form)
    delivery.payload = payload
    with pytest.raises(Unusable):
        delivery.received()


def test_an_id_that_is_none_is_refused() -> None:
    for found in ("x" * 101, "é", "a\tb"):
        with pytest.raises(Unusable):
            push("github", id=found).received()


def test_names_by_which_a_delivery_is_known_again() -> None:
    body = push("github").received().names[1]
    assert body.startswith("body:")
    assert push("github").received().names == (f"id:{push('github').id}", body)
    assert push("github", id="").received().names == (body,)
    lab = push("gitlab").received().names
    assert len(lab) == 1, "with a token alone, the body says nothing of who sent it"
    assert push("gitlab", ref="refs/heads/dev").received().names != lab, "one push, two branches"
    keyed = push("gitlab", more={"idempotency-key": "k1"}).received().names
    assert keyed == ("id:k1",)
    assert push("gitlab-signed").received().names == (f"id:{push('gitlab').id}",)
