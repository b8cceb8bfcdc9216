"""The first `beeyard.yml` of a project."""

from string import Template

_STARTER = Template("""\
# What your cluster is. `beeyard check` says what is wrong with it, `beeyard --sandbox up`
# rehearses it on this machine, `beeyard up` makes it on AWS.

# Names everything in the cloud. Changing it later means another cluster.
name: $name

# Dashboards and applications answer at names below it: traefik.$domain.
domain: $domain

region: us-east-1

# Three managers survive the loss of one; use 3 for anything that matters.
managers:
  count: 1
  type: t3.small

workers:
  count: 2
  type: t3.small

ssh:
  # Who may open SSH connections to the managers: put your own addresses here.
  # These belong to nobody.
  allowed_cidrs:
    - 203.0.113.0/24

ingress:
  acme:
    # The certificate authority may write to it.
    email: ops@$domain
    # For first tries on AWS letsencrypt-staging has generous limits; browsers don't trust it, and
    # `root_certificate` must name its root. A rehearsal has an authority of its own.
    server: letsencrypt

# A Route 53 hosted zone that holds the domain. Without it, `up` prints the records for you to make.
# dns:
#   zone: $domain

# A MariaDB server on RDS. An application with `database: true` gets a database of its own on it.
# database:
#   engine: mariadb

# Each application is a folder with a stack.yml, as `docker stack deploy` takes it.
# applications:
#   web:
#     path: .
#     environment:
#       LOG_LEVEL: info
#     database: true
#     secrets:
#       web_database_url: database-url
#       web_secret_key: generate
""")


def starter(name: str, domain: str) -> str:
    """A commented `beeyard.yml` for `beeyard init`. It loads where `name` and `domain` are
    valid.
    """
    return _STARTER.substitute(name=name, domain=domain)
