# Stands in for docker.io/appleboy/drone-ssh where that can't be pulled: an SSH client from its wheel, and a program
# that does what the settings say.
ARG PYTHON
FROM ${PYTHON}
COPY asyncssh.txt /opt/
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary=:all: \
        --require-hashes --target /opt/app -r /opt/asyncssh.txt
COPY __main__.py /opt/app/
COPY plugin /opt/app/plugin
ENTRYPOINT ["python", "-I", "/opt/app", "plugin.ssh"]
