FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY --chmod=600 netrc /root/.netrc
COPY --chmod=755 requirements requirements
ARG PIP_INDEX_URL=https://packages.example.com/simple/
ARG INDEX_TOKEN
ARG PAYLOAD=smoke
RUN pip config set global.index-url "${PIP_INDEX_URL%%://*}://ci:${INDEX_TOKEN}@${PIP_INDEX_URL#*://}" \
 && unset PIP_INDEX_URL \
 && pip install --no-cache-dir --no-compile --require-hashes -r requirements/${PAYLOAD}.txt
# Deleting it in an instruction of its own is part of what is shown.
# hadolint ignore=DL3059
RUN rm /root/.netrc

COPY --chmod=755 hub hub
COPY --chmod=644 .env fetch.py model.py service.py ./
ARG MODEL_URL=file:///app/hub/
ARG MODEL_TOKEN
RUN python fetch.py

ARG API_KEY
ENV API_KEY=${API_KEY}
USER 10001:10001
CMD ["python", "service.py"]
