"""A written page, parsed for tests."""

import re
from html.parser import HTMLParser


class Page(HTMLParser):
    """Every tag of a page with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def text_of(page):
    """What a reader sees of the part that no script writes."""
    body = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def section(page, name):
    return text_of(re.search(rf'<section id="{name}".*?</section>', page, re.S)[0])
