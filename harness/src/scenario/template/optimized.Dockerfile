# The same image with the practice followed, and nothing else changed.
FROM python:3.11-slim
WORKDIR /app
COPY assets.py .
RUN python assets.py /assets
COPY . .
USER 65534
CMD ["python", "service.py"]
