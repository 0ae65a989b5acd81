# Three images from one file: the frontend's build, the server (web, workers, beat) and the proxy.
FROM node:22-bookworm-slim AS frontend
WORKDIR /src
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend/ ./
RUN npm run build

FROM python:3.11-slim-bookworm AS server
# TORCH_INDEX: a package index with CPU builds of PyTorch; without it the CUDA builds are installed.
ARG TORCH_INDEX=""
ARG CODE_VERSION="0.1.0"
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 \
    DJANGO_SETTINGS_MODULE=config.settings TILSCOPE_MEDIA_ROOT=/srv/media TILSCOPE_CODE_VERSION=$CODE_VERSION
WORKDIR /srv/tilscope
RUN useradd --system --uid 10001 --home-dir /srv/tilscope tilscope \
    && install -d -o tilscope -g tilscope -m 0750 /srv/media /srv/beat
COPY requirements.txt ./
RUN pip install --disable-pip-version-check ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r requirements.txt
COPY manage.py ./
COPY config config
COPY labeling labeling
COPY detection detection
COPY --from=frontend /src/dist frontend/dist
USER tilscope
EXPOSE 8000
CMD ["granian", "config.web:warm_application", "--factory", "--interface=wsgi", "--http=1", "--no-ws", \
     "--host=0.0.0.0", "--port=8000", "--workers=4", "--blocking-threads=8", "--blocking-threads-idle-timeout=600", \
     "--respawn-failed-workers", "--workers-kill-timeout=5"]

FROM nginx:1.28-alpine AS proxy
COPY deploy/nginx.conf /etc/nginx/nginx.conf
COPY --from=frontend /src/dist /srv/frontend
USER nginx
EXPOSE 8080
