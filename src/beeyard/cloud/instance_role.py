"""The rights that AWS lends an instance: asked of its metadata service, from the instance itself.

Its hop limit is 1, so no container gets an answer: whoever asks does so on the node, as by SSH.
"""

import json
from collections.abc import Mapping

from beeyard.errors import CloudError
from beeyard.process import Command, Runner

#: Source: Amazon EC2 user guide, "Use IMDSv2" and "Retrieve security credentials".
METADATA = "http://169.254.169.254/latest"
_FIX = "run `beeyard up`: it gives the managers their rights; see docs/registries.md"


def role_credentials(runner: Runner, metadata: str = METADATA) -> Mapping[str, str]:
    """The variables by which AWS's API knows the instance that `runner` runs on, for some hours.

    Raises CloudError where the instance has no rights, or its metadata service does not answer.
    """
    put = 'request = "PUT"\nheader = "X-aws-ec2-metadata-token-ttl-seconds: 60"\n'
    token = _asked(runner, f"{metadata}/api/token", put)
    header = f'header = "X-aws-ec2-metadata-token: {token}"\n'
    place = f"{metadata}/meta-data/iam/security-credentials/"
    role = _asked(runner, place, header).partition("\n")[0]
    found = json.loads(_asked(runner, f"{place}{role}", header))
    return {
        "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
        "AWS_SESSION_TOKEN": found["Token"],
    }


def _asked(runner: Runner, url: str, settings: str) -> str:
    # By standard input, for everybody on the node sees a command line.
    argv = ["curl", "--config", "-", "--silent", "--show-error", "--fail", "--noproxy", "*"]
    command = Command([*argv, "--max-time", "5", url], input=settings.encode(), timeout=30)
    said = runner.run(command, check=False)
    if said.code != 0:
        raise CloudError("the manager has no rights in AWS", where=url, why=said.tail(), fix=_FIX)
    return said.stdout.strip()
