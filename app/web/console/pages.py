"""All pages of the console."""

from typing import Final

from app.web.console.frame.assets import console_assets
from app.web.console.frame.pages import Pages
from app.web.console.operating.front_page import front_page
from app.web.console.reporting.overview import overview
from app.web.console.submission.find import find
from app.web.console.users.own_account import own_account
from app.web.console.users.sign_in import sign_in

CONSOLE: Final[tuple[Pages, ...]] = (console_assets, front_page, sign_in, own_account, overview, find)
