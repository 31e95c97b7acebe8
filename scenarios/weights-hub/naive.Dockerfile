FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY --chmod=644 requirements.txt .
ARG PIP_INDEX_URL
RUN pip install --no-cache-dir --no-compile --require-hashes -r requirements.txt

COPY --chmod=755 if-missing.sh fetch.sh
COPY --chmod=644 answer.py startup.py ./

# The client keeps its settings in its home.
ENV HOME=/tmp
ENV SOURCE=tare/weights-hub
ENV MODEL=/models/llm
USER 10001:10001
CMD ["python", "answer.py"]
