# The dispatcher: keeps wake-ups in Redis. Build from the repository's root: docker build --file docker/dispatcher.Dockerfile .
FROM python:3.11-slim-bookworm AS wheel
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel /source

FROM python:3.11-slim-bookworm
ENV PATH=/opt/voice/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin subnet && python -m venv /opt/voice
# Dependencies first, by their hashes (on other machines than x86-64 by their versions): a change of code leaves this layer as it is.
COPY pyproject.toml constraints.txt locks /opt/metadata/
RUN cd /opt/metadata && touch README.md LICENSE NOTICE && if [ "$(uname -m)" = x86_64 ]; then pip install --no-cache-dir --no-deps --require-hashes --requirement build.txt && pip install --no-cache-dir --no-deps --no-build-isolation --require-hashes --requirement daemons.txt; else pip install --no-cache-dir --constraint constraints.txt .; fi
COPY --from=wheel /wheel /opt/wheel
RUN pip install --no-cache-dir --no-deps --force-reinstall /opt/wheel/*.whl
COPY docker/health.py /opt/voice/health.py
ENV VOICE_HEARTBEAT=/tmp/heartbeat VOICE_LOG_FORMAT=json
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["python", "/opt/voice/health.py", "heartbeat", "/tmp/heartbeat", "120"]
CMD ["voice", "dispatcher"]
