# The operator's image. BASE is any image with Python 3.11 or newer; it is used twice, so that the
# interpreter at run time is the one the packages were installed for.
#
# Every package is checked against its hash in requirements/. With wheels in build/wheels
# (`make wheels`) and `--build-arg PIP_NO_INDEX=1`, the build needs no network.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG PIP_NO_INDEX=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_FIND_LINKS=/src/build/wheels \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/ requirements/
COPY build/wheels/ build/wheels/
RUN ["python3", "-m", "venv", "/opt/builder"]
RUN ["/opt/builder/bin/pip", "install", "--quiet", "--require-hashes", "-r", "requirements/build.txt"]
# The packages go beside pip, not under it: the finished environment has none.
RUN ["python3", "-m", "venv", "--without-pip", "/opt/tidegate"]
RUN ["/opt/builder/bin/pip", "--python", "/opt/tidegate/bin/python", "install", "--quiet", \
     "--only-binary", ":all:", "--require-hashes", "-r", "requirements/image.txt"]
COPY pyproject.toml README.md LICENSE ./
COPY operator/ operator/
RUN ["/opt/builder/bin/pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "/src/dist", "."]
RUN /opt/builder/bin/pip --python /opt/tidegate/bin/python install --quiet --no-deps --no-index /src/dist/*.whl \
 && /opt/tidegate/bin/python -m compileall -q /opt/tidegate/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="tidegate" \
      org.opencontainers.image.description="Progressive delivery for Kubernetes: phases forward, guards back." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/tidegate /opt/tidegate
ENV PATH=/opt/tidegate/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# No account of that number exists in the image, so it owns no file there.
USER 65532:65532
WORKDIR /
EXPOSE 8080
ENTRYPOINT ["tidegate", "operator"]
