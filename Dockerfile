# One image for all commands: `serve` (the default), `webhook`, `worker`, `status` and the rest.
# `--build-arg BASE=…`: any image of Debian with Python 3.11 or later as `python`, its pip and venv.
ARG BASE=python:3.12-slim
FROM ${BASE} AS build
WORKDIR /src
COPY requirements.lock ./
# Every wheel is checked against the lock file; those of the tools for development stay here.
RUN pip wheel --quiet --no-cache-dir --no-deps --require-hashes -r requirements.lock -w /wheels
COPY pyproject.toml README.md ./
COPY bot bot
COPY config config
COPY webhook webhook
COPY workflows workflows
RUN pip install --quiet --no-index --find-links=/wheels setuptools \
 && pip wheel --quiet --no-deps --no-index --no-build-isolation . -w /wheels \
 && python -m venv --without-pip /opt/lockstep \
 && pip --python /opt/lockstep/bin/python install --quiet --no-index --find-links=/wheels lockstep-bot

FROM ${BASE}
# `--build-arg BUILD_ID=$(git describe --tags --always)`: histories then name the image.
ARG BUILD_ID=
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 lockstep \
 && useradd --uid 10001 --gid lockstep --no-create-home --shell /usr/sbin/nologin lockstep \
 && install --directory --owner=lockstep --group=lockstep /var/lib/lockstep
COPY --from=build /opt/lockstep /opt/lockstep
ENV PATH=/opt/lockstep/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LOCKSTEP_BUILD_ID=$BUILD_ID \
    LOCKSTEP_HOST=0.0.0.0 \
    LOCKSTEP_PORT=8080 \
    LOCKSTEP_STATE_DIR=/var/lib/lockstep
USER lockstep
WORKDIR /var/lib/lockstep
VOLUME /var/lib/lockstep
EXPOSE 8080
# A worker alone answers there where LOCKSTEP_METRICS_PORT is set to the same, as in the compose file.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"LOCKSTEP_PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["lockstep"]
CMD ["serve"]
