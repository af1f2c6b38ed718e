"""What a page may not do, whatever a test looks at: say an error, break the policy, ask another server."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Request

#: Chromium says breaches of the policy as errors of the console; this has those that a page catches, too.
_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', (event) => {
  console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`);
});
"""


class Watch:
    """Over all pages of a context, from its beginning. A test allows what it brings about itself."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self._url = url
        self._wrong: list[str] = []
        self._allowed: list[re.Pattern[str]] = []
        context.add_init_script(_VIOLATIONS)
        context.on("page", self._look)
        context.on("request", self._request)

    def allow(self, pattern: str) -> None:
        """What matches isn't wrong, also where it was before. A refused request is said by Chromium, too: `Failed to
        load resource: …`."""
        self._allowed.append(re.compile(pattern))

    def wrong(self) -> list[str]:
        """What a page did that it mustn't."""
        return [said for said in self._wrong if not any(pattern.search(said) for pattern in self._allowed)]

    def _look(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", self._error)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._wrong.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _error(self, error: Error) -> None:
        self._wrong.append(f"uncaught: {error.message}\n{error.stack}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self._url}/", "data:", "blob:")):
            self._wrong.append(f"asked another server: {request.url}")
