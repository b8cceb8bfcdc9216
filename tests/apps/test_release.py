"""Releases and verdicts as they are kept."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from apps.example import NOW, release
from beeyard.apps import Bundle, Hook, Origin, Receipt, Release, Traffic, Verdict

FULL = Release(
    application="shop",
    number=12,
    bundle=Bundle('services:\n  web: {image: "ä$$"}\n', {"A": "ü\n'\"${B}"}, {"a/b.env": "C=1\n"}),
    images={"web": "r/web@sha256:1"},
    secrets=("shop_key.a1",),
    configs=("shop_settings.5f", "other"),
    origin=Origin("me@here", NOW, "0123abcd+", "rollback to 3"),
    adaptations=("web: something",),
    pre_deploy=Hook("web", ("sh", "-c", "echo $A"), 600.0),
    post_deploy=Hook("web", ("true",), 0.5),
)
SEEN = Traffic(10, 2, 0.01, 0.25, 1.5, ("it answers 502",))


def test_a_release_is_kept_whole() -> None:
    assert Release.from_json(FULL.to_json()) == FULL
    least = release(origin=Origin("me", NOW, None))
    assert Release.from_json(least.to_json()) == least


def test_the_stack_file_stays_letter_for_letter() -> None:
    text = 'services:\n  web: {image: a, user: "0123", mode: 0444, on: yes}  # why\n'
    assert Release.from_json(release(text).to_json()).bundle.text == text


def test_moments_are_the_same_whatever_the_zone() -> None:
    there = datetime(2030, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    moved = replace(FULL, origin=replace(FULL.origin, at=there))
    assert Release.from_json(moved.to_json()).origin.at == NOW


def test_a_verdict_is_kept_whole() -> None:
    receipt = Receipt({"images": 1.25}, {"web": "update"}, SEEN, replace(SEEN, p50=None), {"db": 2})
    for verdict in (
        Verdict("failed", NOW, "why\nin lines", receipt),
        Verdict("succeeded", NOW, definitions={"shop_web": "abc"}),
        Verdict("abandoned", NOW),
    ):
        assert Verdict.from_json(verdict.to_json()) == verdict
    assert Verdict("failed", NOW).receipt == Receipt(before=Traffic(), during=Traffic())
