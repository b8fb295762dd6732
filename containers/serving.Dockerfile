# The process behind an endpoint: a trained model over HTTP, on the CPU. See components/serving. From the repository's root: make images, or
#   docker build --file containers/serving.Dockerfile --tag tandem-serving .
ARG BASE_IMAGE=docker.io/library/python:3.11.14-slim-bookworm

# -- builder: the environment, made with tools that stay behind -------------------------------------------------------
FROM ${BASE_IMAGE} AS builder
ARG LOCK=linux-cpu
# Extras of pyproject.toml to install at the lock's versions; empty for everything in the lock.
ARG EXTRAS="cpu boosting cloud"
# Where packages come from, if not from the public index, for pip and for uv; what comes must have the lock's hashes.
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
WORKDIR /build
COPY pyproject.toml ./
COPY requirements ./requirements
COPY containers/select_packages.py ./
# The caches are mounts: they speed up the next build and are in no layer. Headers and packages' own tests are not run.
RUN --mount=type=cache,target=/root/.cache \
    python3 -m venv /opt/tools \
 && /opt/tools/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt \
 && python3 -m venv --without-pip /opt/venv \
 && PATH="/opt/tools/bin:${PATH}" python3 select_packages.py "${LOCK}" ${EXTRAS} > selected.txt \
 && /opt/tools/bin/uv pip install --quiet --python /opt/venv/bin/python --link-mode copy --require-hashes \
    --requirement selected.txt \
 && find /opt/venv/lib -type d \( -name tests -o -path '*/tensorflow/include' -o -path '*/pyarrow/include' \) -prune \
    -exec rm -r {} + \
 && /opt/venv/bin/python -m compileall -q /opt/venv/lib \
 && ln -s "$(basename /opt/venv/lib/python3*)" /opt/venv/lib/python

# -- runtime: the environment and the components ----------------------------------------------------------------------
FROM ${BASE_IMAGE} AS runtime
ARG UID=1000
ENV PATH=/opt/venv/bin:${PATH} \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TF_CPP_MIN_LOG_LEVEL=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    # A container's own loopback would answer nobody; Vertex AI sets AIP_HTTP_PORT and AIP_STORAGE_URI.
    SERVING_HOST=0.0.0.0 \
    AIP_HTTP_PORT=8080
RUN useradd --uid "${UID}" --no-log-init --create-home --home-dir /home/tandem --shell /usr/sbin/nologin tandem
COPY --from=builder /opt/venv /opt/venv
WORKDIR /app
COPY LICENSE ./
COPY components components
USER ${UID}
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-m", "components.serving", "--check"]
ENTRYPOINT ["python", "-m", "components.serving"]
# Last, because they change with every commit and must not undo the layers above.
ARG VERSION=unversioned
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tandem-serving" \
      org.opencontainers.image.description="Tandem's models over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# -- test: the stages' own tests, against exactly what runs in the cloud ----------------------------------------------
FROM runtime AS test
ARG STAGES="serving scenario"
ARG UV_DEFAULT_INDEX
USER 0
COPY --from=builder /opt/tools /opt/tools
COPY pyproject.toml ./
COPY requirements requirements
COPY containers/select_packages.py ./
RUN --mount=type=cache,target=/root/.cache \
    PATH="/opt/tools/bin:${PATH}" python select_packages.py linux-dev dev > selected.txt \
 && /opt/tools/bin/uv pip install --quiet --python /opt/venv/bin/python --link-mode copy --require-hashes \
    --requirement selected.txt
COPY tests tests
ARG UID=1000
RUN chown "${UID}" /app
USER ${UID}
RUN failed=""; \
    for stage in ${STAGES}; do \
      python -m pytest -m "not slow" -p no:cacheprovider "tests/components/${stage}" || failed="${failed} ${stage}"; \
    done; \
    test -z "${failed}" || { echo "failed:${failed}"; exit 1; }

# -- what is built when no target is named ----------------------------------------------------------------------------
FROM runtime
