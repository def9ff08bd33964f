# The image of the service, and the one of Keycloak as docker-compose.yml runs it. Nothing in them runs as root.

FROM python:3.13.9-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY verifier verifier
RUN python -m venv /opt/graphsvc \
 && /opt/graphsvc/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY graphsvc graphsvc
COPY importers importers
COPY schema schema
COPY policies policies
COPY identity identity
COPY console console
RUN /opt/graphsvc/bin/python console/build.py
RUN /opt/graphsvc/bin/pip install --no-cache-dir --no-deps --no-build-isolation ./verifier .

FROM python:3.13.9-slim-bookworm AS graphsvc
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin graphsvc \
 && install -d -o graphsvc -g graphsvc -m 0700 /state /witness
COPY --from=build /opt/graphsvc /opt/graphsvc
ENV PATH=/opt/graphsvc/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
ENTRYPOINT ["graphsvc"]
CMD ["up", "--data", "/state", "--host", "0.0.0.0", "--port", "8443"]

FROM keycloak/keycloak:26.3.3 AS keycloak
ENV KC_DB=postgres KC_HEALTH_ENABLED=true
RUN /opt/keycloak/bin/kc.sh build
USER 1000
