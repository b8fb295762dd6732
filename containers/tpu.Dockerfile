# All stages on a TPU VM: of the generations Vertex AI has, v2, v3 and v5e (ct5lp) are those TensorFlow 2.19 can use. Not run on
# a TPU yet: see docs/containers.md. From the repository's root: make images, or
#   docker build --file containers/tpu.Dockerfile --tag tandem-tpu .
ARG BASE_IMAGE=docker.io/library/python:3.11.14-slim-bookworm

# -- builder: the environment, made with tools that stay behind -------------------------------------------------------
FROM ${BASE_IMAGE} AS builder
ARG LOCK=linux-tpu
# Extras of pyproject.toml to install at the lock's versions; empty for everything in the lock.
ARG EXTRAS="tpu boosting cloud explain tensorboard tune"
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
    PJRT_DEVICE=TPU \
    NEXT_PLUGGABLE_DEVICE_USE_C_API=true \
    TF_PLUGGABLE_DEVICE_LIBRARY_PATH=/opt/venv/lib/python/site-packages/libtpu/libtpu.so
RUN useradd --uid "${UID}" --no-log-init --create-home --home-dir /home/tandem --shell /usr/sbin/nologin tandem
COPY --from=builder /opt/venv /opt/venv
WORKDIR /app
# KFP's executor looks for kfp_config.ini, and for the files it names, in the working directory.
COPY LICENSE containers/kfp_config.ini ./
COPY pipelines/__init__.py pipelines/__init__.py
COPY pipelines/sample_data pipelines/sample_data
COPY components components
USER ${UID}
# Last, because they change with every commit and must not undo the layers above.
ARG VERSION=unversioned
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tandem-tpu" \
      org.opencontainers.image.description="Tandem's pipeline components on TPU VMs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# -- test: the stages' own tests, against exactly what runs in the cloud ----------------------------------------------
FROM runtime AS test
# No TPU is there while building; without this, every process asks Google's metadata server about one for minutes.
ENV TPU_SKIP_MDS_QUERY=1
# Rooms whose tests are run, such as "ingest train"; empty for all that kfp_config.ini names.
ARG STAGES=""
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
# Tests also submit and register what the components make, which takes the graphs and the cloud commands.
COPY pipelines pipelines
COPY tests tests
ARG UID=1000
RUN chown "${UID}" /app
USER ${UID}
RUN failed=""; \
    for stage in ${STAGES:-$(sed -n 's|.*= components/\([a-z_]*\)/component.py|\1|p' kfp_config.ini | sort -u)}; do \
      python -m pytest -m "not slow" -p no:cacheprovider "tests/components/${stage}" || failed="${failed} ${stage}"; \
    done; \
    test -z "${failed}" || { echo "failed:${failed}"; exit 1; }

# -- what is built when no target is named ----------------------------------------------------------------------------
FROM runtime
