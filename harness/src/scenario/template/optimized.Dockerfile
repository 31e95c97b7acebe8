# The same image with the practice followed, and nothing else changed.
FROM python:3.11-slim
WORKDIR /app
COPY --chmod=644 assets.py .
RUN python assets.py /assets
COPY --chmod=755 . .
USER 65534
CMD ["python", "service.py"]
