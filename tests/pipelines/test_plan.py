"""What a job is, before anything runs: its names, and the script that commands become."""

import pytest

from beeyard.pipelines.model import Volume
from beeyard.pipelines.plan import Job, JobStep, script, shell, slug
from beeyard.process import Command, Completed, LocalRunner


def run(*commands: str, **environment: str) -> Completed:
    """As the container would: the same program, arguments and environment."""
    sh = shell(commands)
    return LocalRunner().run(
        Command([*sh.entrypoint, *sh.command], env={**sh.environment, **environment}), check=False
    )


def test_commands_run_one_after_another_in_one_shell() -> None:
    done = run("cd /", "x=1", "pwd; echo $x")
    assert (done.code, done.stdout) == (0, "+ cd /\n+ x=1\n+ pwd; echo $x\n/\n1\n")


def test_the_first_that_fails_is_the_last_and_its_code_the_step_s() -> None:
    done = run("(exit 3)", "echo never")
    assert (done.code, done.stdout) == (3, "+ (exit 3)\n")


def test_a_command_may_end_the_pipeline_early() -> None:
    assert run("exit 78", "echo never").code == 78


def test_errors_keep_their_place_among_the_rest_of_the_output() -> None:
    done = run("echo one >&2", "echo two", "echo three >&2")
    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if line[0] != "+"] == ["one", "two", "three"]


def test_what_a_variable_holds_is_not_shown() -> None:
    done = run("test -n $PASSWORD", PASSWORD="hunter2")
    assert (done.code, done.stdout) == (0, "+ test -n $PASSWORD\n")


@pytest.mark.parametrize(
    "command",
    [
        "echo 'it''s' \"quoted\" \\\\ $HOME `echo tick`",
        "printf '%s %%d' x",
        "cat <<'END'\n+ $(not run)\nEND",
        "for i in 1 2; do\n  echo $i\ndone",
        "echo done # and a remark",
        "echo \N{SNOWMAN} *",
    ],
)
def test_a_command_is_shown_as_it_stands_in_the_file(command: str) -> None:
    plain = LocalRunner().run(Command(["/bin/sh", "-c", command])).stdout
    assert run(command, "echo next").stdout == f"+ {command}\n{plain}+ echo next\nnext\n"


def test_commands_do_not_see_the_script_neither_as_a_variable_nor_as_their_input() -> None:
    done = run("env", "cat", "echo end")
    assert "BEEYARD" not in done.stdout
    assert done.stdout.endswith("+ cat\n+ echo end\nend\n")


def test_no_argument_has_the_commands() -> None:
    command = "curl -u admin:s3cret https://example.com"
    sh = shell([command], "/bin/bash")
    assert sh.entrypoint == ("/bin/bash", "-c")
    assert sh.command == ('eval "unset BEEYARD_SCRIPT_0\n${BEEYARD_SCRIPT_0}"',)
    assert sh.environment == {"BEEYARD_SCRIPT_0": script([command])}


def test_a_long_script_is_whole() -> None:
    """One variable takes 128 KiB. Source: execve(2), "Limits on size of arguments"."""
    words = "\N{SNOWMAN}" * 100_000
    done = run(f"echo {words} | wc -m", "env", "echo end")
    assert done.code == 0
    assert done.stdout.startswith(f"+ echo {words} | wc -m\n")
    assert "BEEYARD" not in done.stdout.partition("+ env\n")[2]


def test_a_mistake_in_the_shell_s_language_fails_the_step() -> None:
    done = run("echo first", "if then")
    assert done.code != 0
    assert done.stdout.startswith("+ echo first\nfirst\n")


def test_names_on_the_engine_are_docker_s_and_never_the_same_twice() -> None:
    job = Job(
        "7-build",
        "build",
        (JobStep("a b", "x"), JobStep("a/b", "x"), JobStep("\N{SNOWMAN}" * 200, "x")),
        volumes=(Volume("v", "temp"), Volume("v!", "temp"), Volume("v?", "temp")),
    )
    names = [
        *(job.container(step.name) for step in job.steps),
        *(job.volume(volume.name) for volume in job.volumes),
        job.volume(),
    ]
    assert len(set(names)) == len(names)
    assert names[0] == "beeyard-7-build-step-1-a-b"
    assert all(name == slug(name) or len(name) > 60 for name in names)
    assert job.all_labels == {"beeyard.pipeline": "7-build"}


@pytest.mark.parametrize("name", ["", "../x", "a b", "-x", "x" * 101, "$(id)"])
def test_an_id_that_docker_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="can't be part of a container's name"):
        Job(name, "x", ())


def test_steps_are_told_apart_by_their_names() -> None:
    with pytest.raises(ValueError, match="two steps have one name"):
        Job("1", "x", (JobStep("a", "x"),), services=(JobStep("a", "x"),))


def test_the_label_of_the_run_can_t_be_another() -> None:
    assert Job("1", "x", (), labels={"beeyard.pipeline": "2"}).all_labels == {
        "beeyard.pipeline": "1"
    }
