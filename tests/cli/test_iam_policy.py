"""`iam-policy` on the command line."""

import json

from cli.said import MINIMAL, Cli, WriteFile

PLAIN = f"{MINIMAL}\nbackups: {{times: [], aws_backup_days: 0}}\n"
ALL = f"{MINIMAL}\ndatabase: {{}}\ndns:\n  zone: example.com\n"


def test_a_policy_as_iam_takes_it(cli: Cli, file: WriteFile) -> None:
    file(PLAIN)
    said = cli("iam-policy")
    assert (said.code, said.err) == (0, "")
    policy = json.loads(said.out)
    assert policy["Version"] == "2012-10-17"
    assert {one["Effect"] for one in policy["Statement"]} == {"Allow"}
    assert cli("iam-policy", "--part", "1").out == said.out


def test_one_that_is_too_long_is_not_cut_without_a_word(cli: Cli, file: WriteFile) -> None:
    file(ALL)
    said = cli("iam-policy")
    assert (said.code, said.out) == (11, "")
    assert said.err.splitlines() == [
        "error: this cluster's policy has 2 parts, and all of them are needed",
        "  why:   IAM takes 6144 characters for one policy",
        "  do:    beeyard iam-policy --part 1 > policy-1.json",
        "         beeyard iam-policy --part 2 > policy-2.json",
    ]
    parts = [json.loads(cli("iam-policy", "--part", number).out) for number in ("1", "2")]
    sids = [one["Sid"] for part in parts for one in part["Statement"]]
    assert len(sids) == len(set(sids))
    assert "Database" in sids
    assert cli("iam-policy", "--part", "3").err.splitlines() == [
        "error: there is no part 3",
        "  do:    --part 1 to --part 2",
    ]


def test_why(cli: Cli, file: WriteFile) -> None:
    file(ALL)
    lines = cli("iam-policy", "--explain").out.splitlines()
    assert lines[1].split() == ["right", "known", "by", "statement", "what", "needs", "it"]
    assert any(
        line.split()[:3] == ["rds:CreateDBSnapshot", "measured", "Database"] for line in lines
    )
    told = json.loads(cli("--json", "iam-policy", "--explain").out)
    assert {"action", "why", "documented", "statement"} == set(told[0])
    assert len(told) == len(lines) - 2


def test_it_reaches_no_aws(cli: Cli, file: WriteFile) -> None:
    """There are no credentials in these tests, and nobody asks for any."""
    file(PLAIN)
    assert cli("--sandbox", "iam-policy").code == 0
