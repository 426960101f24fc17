"""A headless Chromium and a running stack, for tests that look at the pages as a person does."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from deployments.stack import OWN_POSTGRES, LocalStack
from tests.homes import home_for_stack

SHOTS = Path(__file__).parents[2] / ".local" / "screenshots"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--window-size=1400,1000",
    # The pages' own machine is all there is: whatever else they ask for is not found, at once.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass(frozen=True)
class Screen:
    """What a person at the browser does and sees. Everything waits until it is there, `patience` seconds at most."""

    chrome: Chrome
    patience: float = 60.0

    def open(self, url: str) -> None:
        """Go to an address."""
        self.chrome.get(url)

    def until(self, seen: Callable[[], Any], what: str) -> Any:
        """Wait until `seen` gives something true; fails with `what`, the page's text and a screenshot."""
        waiting = WebDriverWait(self.chrome, self.patience, 0.2, [StaleElementReferenceException])
        try:
            return waiting.until(lambda _: seen())
        except Exception as error:
            shot = self.shoot("failed")
            pytest.fail(
                f"not seen: {what} ({type(error).__name__}); screenshot {shot}; the page:\n{self.text()[:3000]}"
            )

    def find(self, css: str) -> WebElement:
        """The first visible element of a CSS selector."""
        found: WebElement = self.until(
            lambda: next((e for e in self.chrome.find_elements(By.CSS_SELECTOR, css) if e.is_displayed()), None),
            css,
        )
        return found

    def see(self, words: str) -> None:
        """Wait until these words are on the page."""
        self.until(lambda: words in self.text(), words)

    def click(self, css: str) -> None:
        """Click the first visible element of a CSS selector, also on a page that draws itself anew meanwhile."""

        def clicked() -> bool:
            self.find(css).click()
            return True

        self.until(clicked, css)

    def press(self, words: str) -> None:
        """Click the button or link that says exactly these words."""
        exactly = f"//*[self::button or self::a or @role='button' or @role='tab'][normalize-space()={words!r}]"
        element: WebElement = self.until(
            lambda: next((e for e in self.chrome.find_elements(By.XPATH, exactly) if e.is_displayed()), None),
            words,
        )
        element.click()

    def fill(self, css: str, text: str) -> None:
        """Write into a field, over what stands there."""
        field = self.find(css)
        field.clear()
        field.send_keys(text)

    def text(self) -> str:
        """All that can be read on the page now."""
        return self.chrome.find_element(By.TAG_NAME, "body").text

    def shoot(self, name: str) -> Path:
        """Keep a screenshot under .local/screenshots, to be looked at."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        shot = SHOTS / f"{name}.png"
        self.chrome.save_screenshot(str(shot))
        return shot


@pytest.fixture(scope="package")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Debian's Chromium with a profile of its own, one for all tests."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.fail("No Chromium or chromedriver here: `make system-packages` installs them on Debian.")
    home = tmp_path_factory.mktemp("chromium")
    options = ChromeOptions()
    options.binary_location = browser
    for switch in (*SWITCHES, f"--user-data-dir={home / 'profile'}"):
        options.add_argument(switch)
    chrome = Chrome(options=options, service=Service(driver, log_output=str(home / "driver.log")))
    chrome.set_page_load_timeout(60)
    yield chrome
    chrome.quit()


@pytest.fixture
def screen(chrome: Chrome) -> Screen:
    """The browser, as a person uses it."""
    return Screen(chrome)


@pytest.fixture(scope="package")
def stack() -> Iterator[LocalStack]:
    """A whole stack on PostgreSQL, with this checkout's flows."""
    with home_for_stack() as home, LocalStack(home, database_url=OWN_POSTGRES) as running:
        yield running
