# The canaryd image: one virtual environment, compiled ahead, run by an unprivileged user on a read-only root.
# The only folder it writes to is what --data-dir names.

FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m pip install --no-cache-dir --require-hashes --requirement requirements/build.lock \
 && python -m venv /opt/canaryd \
 && /opt/canaryd/bin/python -m pip install --no-cache-dir --no-compile --require-hashes --requirement requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY canaryd/ canaryd/
RUN python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/canaryd/bin/python -m pip install --no-cache-dir --no-compile --no-deps /wheels/*.whl \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/canaryd/lib

FROM python:3.12-slim
# The official image ships the standard library without bytecode; compiling it here saves that work at every start.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/(site-packages|test|tests|idlelib|lib2to3|turtledemo)/' \
      /usr/local/lib/python3.12
COPY --from=build /opt/canaryd /opt/canaryd
# glibc gives threads heaps of their own that are never given back: two do for sixteen threads that ask Prometheus.
ENV MALLOC_ARENA_MAX=2 \
    PATH=/opt/canaryd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["canaryd"]
