FROM base/python:1 AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
COPY --chown=app:app pyproject.toml ./
COPY --chown=app:app app ./app
RUN --mount=type=cache,target=/root/.cache python3 -c "import compileall,json; print(json.dumps({'ok': compileall.compile_dir('app', quiet=1, legacy=True)}))" >/compiled.json
FROM base AS test
RUN python3 -m unittest discover -s app -p 'test_*.py' 2>/tmp/err || (cat /tmp/err; exit 1)
RUN touch /tests-passed
FROM base
COPY --from=test /tests-passed /tests-passed
USER app
RUN python3 -m app.main 6 7 >/tmp/answer
EXPOSE 8000
HEALTHCHECK --interval=10s CMD ["python3", "-m", "app.main", "1", "1"]
ENTRYPOINT ["python3", "-m", "app.main"]
CMD ["2", "3"]
