"""What is to be built and pushed: the settings of `plugins/docker` as a plan, and its arguments.

Source: docs.drone.io, "Docker" (plugins); plugins.drone.io, "Docker", "Parameter Reference".
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import tags as tagging
from .settings import Refusal, Settings

_HUB = "https://index.docker.io/v1/"
_NO_DAEMON = "is of a Docker engine of the plugin's own; this one builds with the node's"
#: Settings of the published plugin that can't mean anything here, and why.
UNSUPPORTED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "bip",
            "custom_dns",
            "custom_dns_search",
            "debug",
            "dns",
            "experimental",
            "ipv6",
            "launch_debug",
            "mtu",
            "storage_driver",
            "storage_path",
        ),
        _NO_DAEMON,
    ),
    "compress": "there is nothing to compress: the context goes through a socket of this node",
    "email": "Docker signs in without it; leave it out",
    "label_schema": "give whole labels as custom_labels",
    "squash": "the node's engine builds with BuildKit, which can't",
}
_ARGUMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:=(.*))?", re.DOTALL)
# What the Docker client itself takes from its environment.
_CLIENTS_OWN = re.compile(r"DOCKER_.*|BUILDKIT_.*|HOME|PATH")


@dataclass(frozen=True)
class Sign:
    """Whom to sign in as. `config`: contents of a Docker `config.json`."""

    registry: str
    username: str
    password: str
    config: str


@dataclass(frozen=True)
class Plan:
    """An image to be built. `arguments` of the build by name; `tags` for where it is pushed."""

    repo: str
    tags: Sequence[str]
    sign: Sign
    context: str
    options: Sequence[str]
    arguments: Mapping[str, str]
    mirror: str
    insecure: bool
    dry_run: bool
    purge: bool

    def argv(self, name: str) -> list[str]:
        """`docker build`, with `name` for the image. Values of arguments are in `environment`,
        where other users of the node can't see them."""
        told = [
            f"--build-arg={key}={value}" if _CLIENTS_OWN.fullmatch(key) else f"--build-arg={key}"
            for key, value in self.arguments.items()
        ]
        return ["docker", "build", f"--tag={name}", *self.options, *told, "--", self.context]

    @property
    def environment(self) -> dict[str, str]:
        """The arguments that `argv` names only."""
        return {
            key: value for key, value in self.arguments.items() if not _CLIENTS_OWN.fullmatch(key)
        }


def plan(environment: Mapping[str, str], tags_file: str) -> Plan | None:
    """What the settings ask for; None where `auto_tag` finds nothing to do.

    `tags_file`: what stands in the workspace's file `.tags`. Raises Refusal.
    """
    settings = Settings(environment)
    tags = _tags(settings, environment, tags_file)
    made = Plan(
        repo=_repo(settings),
        tags=tags,
        sign=_sign(settings),
        context=settings.text("context", default="."),
        options=_options(settings, environment),
        arguments=_arguments(settings, environment),
        mirror=settings.text("mirror"),
        insecure=settings.truth("insecure"),
        dry_run=settings.truth("dry_run"),
        purge=settings.truth("purge", default=True),
    )
    # What these say is so already: the engine is the node's, and a tag is always replaced.
    settings.truth("daemon_off")
    settings.truth("force_tag")
    settings.refuse_others(UNSUPPORTED)
    return made if tags else None


def _repo(settings: Settings) -> str:
    repo = settings.text("repo")
    if not repo:
        raise Refusal("repo is missing: it names the image, such as registry.example.com/app")
    if repo.startswith("-") or ":" in repo.rpartition("/")[2] or "@" in repo:
        raise Refusal(f"repo is `{repo}`: it names the image without a tag; tags are in `tags`")
    return repo


def _tags(settings: Settings, environment: Mapping[str, str], tags_file: str) -> list[str]:
    by_hand = settings.words("tags") + settings.words("tag")
    suffix = settings.text("auto_tag_suffix")
    if settings.truth("auto_tag"):
        if by_hand:
            print("auto_tag: what tag and tags say is not used")
        return tagging.checked(tagging.automatic(environment, suffix))
    if suffix:
        raise Refusal("auto_tag_suffix is for auto_tag, which is not on")
    in_file = [word.strip() for word in re.split(r"[,\n]", tags_file) if word.strip()]
    return tagging.checked(by_hand or in_file or ["latest"])


def _sign(settings: Settings) -> Sign:
    sign = Sign(
        registry=settings.text("registry", default=_HUB, variable="DOCKER_REGISTRY"),
        username=settings.text("username", variable="DOCKER_USERNAME"),
        password=settings.text("password", variable="DOCKER_PASSWORD"),
        config=_config(settings.text("config")),
    )
    if bool(sign.username) != bool(sign.password):
        raise Refusal("username and password go together, and one of them is empty")
    return sign


def _config(text: str) -> str:
    """The sign-ins of a `config.json`. All else in it is refused: it can name programs, which the
    Docker client would run beside the node's socket."""
    if not text:
        return ""
    try:
        config = json.loads(text)
        others = sorted(set(config) - {"auths"})
    except (ValueError, TypeError):
        raise Refusal("config is no JSON: it holds a Docker config.json") from None
    if others:
        raise Refusal(f"config: only `auths` is taken from it, and it has {', '.join(others)}")
    return text


def _options(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    options = [f"--file={settings.text('dockerfile', default='Dockerfile')}"]
    flags = {
        "pull": settings.truth("pull_image", default=True),
        "no-cache": settings.truth("no_cache"),
        "quiet": settings.truth("quiet"),
    }
    options += [f"--{flag}" for flag, wanted in flags.items() if wanted]
    lists = {
        "cache-from": _cached(settings),
        "add-host": settings.words("add_host"),
        "label": [*settings.words("custom_labels"), *_labels(settings, environment)],
    }
    options += [f"--{option}={value}" for option, values in lists.items() for value in values]
    single = {"target": settings.text("target"), "platform": settings.text("platform")}
    return options + [f"--{option}={value}" for option, value in single.items() if value]


def _cached(settings: Settings) -> list[str]:
    images = settings.words("cache_from")
    for image in images:
        if "=" in image:
            raise Refusal(f"cache_from: `{image}` is no image; only images can be taken from here")
    return images


def _labels(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """Where the image is from. Source: opencontainers/image-spec, "Annotations"."""
    if not settings.truth("auto_label"):
        return []
    known = {
        "revision": environment.get("DRONE_COMMIT_SHA"),
        "source": environment.get("DRONE_REPO_LINK"),
        "url": environment.get("DRONE_REPO_LINK"),
    }
    return [f"org.opencontainers.image.{key}={value}" for key, value in known.items() if value]


def _arguments(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    arguments: dict[str, str] = {}
    if settings.words("cache_from"):
        # BuildKit finds in an image only what was written into it to be found.
        arguments["BUILDKIT_INLINE_CACHE"] = "1"
    for name in settings.words("build_args_from_env"):
        arguments[name] = _variable(environment, name, "build_args_from_env")
    for word in settings.words("build_args"):
        found = _ARGUMENT.fullmatch(word)
        if not found:
            raise Refusal(
                "build_args: each is NAME=value, or NAME for a variable of the step; "
                f"no value holds a comma, by which they are joined (`{word[:12]}`)"
            )
        name, value = found[1], found[2]
        arguments[name] = _variable(environment, name, "build_args") if value is None else value
    return arguments


def _variable(environment: Mapping[str, str], name: str, setting: str) -> str:
    if name not in environment:
        raise Refusal(f"{setting}: the step has no variable {name}; give it by `environment`")
    return environment[name]
