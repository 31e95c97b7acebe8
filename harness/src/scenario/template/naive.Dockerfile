# The image as people really write it.
FROM python:3.11-slim
WORKDIR /app
COPY --chmod=755 . .
RUN python assets.py /assets
USER 65534
CMD ["python", "service.py"]
