"""The application: every page's routes behind the guard, and what is said when something is not there."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from local_runner.errors import StoreError, UsageError
from local_runner.serve import artifact_page, compare_page, pages, run_list, run_page, security, task_page
from local_runner.store import Store


def build(root: Path) -> FastAPI:
    """The application for the store at ``root``, which is made if it is not there.

    Raises:
        StoreError: there is something else at ``root``, or it was written by a newer version.
    """
    with Store(root) as store:
        place = store.root
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.root = place
    app.add_middleware(security.Guard)
    app.mount("/static", StaticFiles(directory=pages.HERE / "static", follow_symlink=False))
    for part in (run_list, run_page, task_page, artifact_page, compare_page):
        app.include_router(part.router)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UsageError, _unknown)
    app.add_exception_handler(StoreError, _broken)
    return app


def _refused(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    detail = getattr(error, "detail", "")
    return pages.page(
        request, "problem.html", status, problem="There is no such page." if detail == "Not Found" else detail
    )


def _invalid(request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    said = "; ".join(f"{problem['loc'][-1]}: {problem['msg']}" for problem in problems)
    return pages.page(request, "problem.html", 400, problem=f"The address cannot be understood: {said}")


def _unknown(request: Request, error: Exception) -> Response:
    return pages.page(request, "problem.html", 404, problem=str(error))


def _broken(request: Request, error: Exception) -> Response:
    return pages.page(request, "problem.html", 500, problem=str(error))
