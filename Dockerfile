# Its one RUN line is a target of the Makefile, which the tests run too (tests/test_house.py).
FROM python:3.12-bookworm AS build
WORKDIR /src
COPY . .
RUN make install PREFIX=/opt/naru

FROM python:3.12-slim-bookworm
COPY --from=build /opt/naru /opt/naru
# The tiling engine's compiled code; writable, for a processor other than the one that built the image.
COPY --from=build --chown=10001:10001 /opt/naru/cache /opt/naru/cache
ENV NARU_HOME=/data NUMBA_CACHE_DIR=/opt/naru/cache PATH=/opt/naru/bin:$PATH PYTHONUNBUFFERED=1
# Not root; a folder of the host mounted at /data must belong to this user. Before WORKDIR, which makes /data its own.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
CMD ["naru", "serve", "--host", "0.0.0.0", "--port", "8000"]
