# Stands in for docker.io/plugins/docker where that can't be pulled: the Docker client of the nodes' own engine, and a
# program that does what the settings say.
ARG NODE
ARG PYTHON
FROM ${NODE} AS engine
# By which it is found, and removed, once the image is built.
LABEL beeyard.sandbox.stage=1

FROM ${PYTHON}
COPY --from=engine /usr/bin/docker /usr/local/bin/docker
COPY __main__.py /opt/app/
COPY plugin /opt/app/plugin
ENTRYPOINT ["python", "-I", "/opt/app", "plugin.docker_image"]
