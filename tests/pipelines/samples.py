"""Files as teams write them, for tests that take any good file, and to be mutated."""

GO = """\
---
kind: pipeline
type: docker
name: default

platform:
  os: linux
  arch: amd64

clone:
  depth: 50
  retries: 3

steps:
- name: vet
  image: golang:1.22
  commands:
  - go vet ./...
  environment:
    CGO_ENABLED: 0
    GOFLAGS: -mod=readonly
  volumes:
  - name: gopath
    path: /go

- name: test
  image: golang:1.22
  commands:
  - go test -cover -race ./...
  - echo "$${HOME} is $$HOME, and this is ${DRONE_COMMIT_SHA:0:8}"
  volumes:
  - name: gopath
    path: /go
  resources:
    limits:
      cpu: 1500
      memory: 2GiB

services:
- name: database
  image: postgres:16-alpine
  environment:
    POSTGRES_PASSWORD: secret
  ports:
  - 5432
  shm_size: 256m

volumes:
- name: gopath
  temp: {}

trigger:
  event:
    exclude:
    - cron
...
"""

PUBLISH = """\
kind: pipeline
type: docker
name: build and publish

steps:
  - name: build
    image: node:20
    commands: [npm ci, npm run build, "npm test -- --ci"]

  - name: image
    image: plugins/docker
    settings:
      repo: registry.example.com/acme/${DRONE_REPO_NAME}
      registry: registry.example.com
      username:
        from_secret: docker_username
      password:
        from_secret: docker_password
      tags:
        - latest
        - ${DRONE_TAG##v}
        - ${DRONE_BRANCH//\\//-}-${DRONE_BUILD_NUMBER}
        - 1.10
      build_args:
        - VERSION=${DRONE_TAG:-snapshot}
      dry_run: false
    when:
      ref:
        - refs/heads/main
        - refs/tags/v*
    depends_on: [build]

  - name: deploy
    image: appleboy/drone-ssh
    settings:
      host: [a.example.com, b.example.com]
      port: 22
      key: {from_secret: ssh_key}
      envs: [drone_tag]
      script: |
        cd /srv/app
        docker compose pull
        docker compose up -d
    depends_on:
      - image
    failure: ignore
    when:
      event: [tag, promote]
      target: {exclude: [test]}

  - name: notify
    image: plugins/slack
    settings:
      webhook: {from_secret: slack}
      template: >
        {{#success build.status}}
          build {{build.number}} succeeded.
        {{else}}
          build {{build.number}} failed.
        {{/success}}
    depends_on: [deploy]
    when:
      status: [success, failure]

image_pull_secrets:
  - dockerconfig
"""

SEVERAL = """\
kind: pipeline
name: backend
environment: &env
  LANG: C.UTF-8
  PIP_CACHE_DIR: /cache
x-python: &python
  image: python:3.12
  pull: if-not-exists
  environment:
    <<: *env
    TOKEN: {from_secret: token}
steps:
- name: lint
  <<: *python
  commands: &commands
  - pip install ruff
  - ruff check .
- name: test
  <<: [*python, {user: "1000"}]
  commands: *commands
concurrency: {limit: 1}
---
kind: pipeline
name: frontend
node: {pool: large}
workspace:
  base: /srv
  path: web
steps:
- {name: test, image: 'node:20', commands: [npm test], detach: no}
- {name: serve, image: nginx, detach: true, command: [nginx, -g, daemon off;]}
---
kind: pipeline
name: after
clone: {disable: true}
depends_on: [backend, frontend]
steps:
- name: clone
  image: alpine/git
  commands:
  - git clone ${DRONE_GIT_HTTP_URL} .
  - git checkout $DRONE_COMMIT
- name: say
  image: alpine
  commands: [echo done]
trigger:
  status:
  - success
  - failure
  branch:
    include: [main, release/*, "hotfix/**"]
    exclude: release/old
  repo: acme/*
---
kind: secret
name: token
data: hl3v+FODjduX0UpXBHgYzPzVTppQblg51CVgCbgDk4U=
---
kind: signature
hmac: F10E2821BBBEA527EA02200352313BC059445190
...
"""

NIGHTLY = """\
# what runs at night
kind: pipeline
type: docker
name: nightly

trigger:
  event: [cron]
  cron:
    include: [nightly, weekly]

steps:
- name: scan
  image: "scanner:${DRONE_SEMVER_SHORT:-latest}"
  privileged: true
  network_mode: host
  dns: [1.1.1.1]
  extra_hosts: ["db:10.0.0.2"]
  entrypoint: ["/bin/scan"]
  command: ["--all", "--message", "${DRONE_COMMIT_MESSAGE}"]
  volumes:
  - {name: data, path: /data}
  devices:
  - {name: gpu, path: /dev/gpu0}

volumes:
- name: data
  temp: {medium: memory, size_limit: 512m}
- name: gpu
  host: {path: /dev/gpu0}
"""

SMALL = "kind: pipeline\nname: a\nsteps: [{name: b, image: c, commands: [d]}]\n"

SAMPLES = (GO, PUBLISH, SEVERAL, NIGHTLY, SMALL)
