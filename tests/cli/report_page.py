# SPDX-License-Identifier: Apache-2.0
"""A report as a program reads it: what its HTML says."""
import base64
import html.parser
import io

import PIL.Image

VOID = {"meta", "link", "img", "input"}


class Element:
    def __init__(self, name, attributes):
        self.name, self.attributes, self.children = name, attributes, []

    def all(self, name=None, **wanted):
        """What lies within it, in order; of attributes `class_` has that word, others that value."""
        for child in self.children:
            if isinstance(child, str):
                continue
            if (name is None or child.name == name) and all(
                    value in child.attributes.get("class", "").split() if key == "class_"
                    else child.attributes.get(key.replace("_", "-")) == value for key, value in wanted.items()):
                yield child
            yield from child.all(name, **wanted)

    def one(self, name=None, **wanted):
        found = list(self.all(name, **wanted))
        if len(found) != 1:
            raise AssertionError(f"there are {len(found)} {name} {wanted}")
        return found[0]

    @property
    def text(self):
        return "".join(child if isinstance(child, str) else child.text for child in self.children)


class Page(html.parser.HTMLParser, Element):
    """Refuses tags that are not closed in their order."""

    def __init__(self, file):
        html.parser.HTMLParser.__init__(self)
        Element.__init__(self, "page", {})
        self.source = file.read_text(encoding="utf-8")
        self.open = [self]
        self.feed(self.source)
        self.close()
        if self.open != [self]:
            raise AssertionError(f"{[element.name for element in self.open]} are not closed")

    def handle_starttag(self, name, attributes):
        element = Element(name, dict(attributes))
        self.open[-1].children.append(element)
        if name not in VOID:
            self.open.append(element)

    def handle_startendtag(self, name, attributes):
        self.open[-1].children.append(Element(name, dict(attributes)))

    def handle_endtag(self, name):
        if self.open[-1].name != name:
            raise AssertionError(f"</{name}> closes <{self.open[-1].name}>")
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].children.append(data)

    def table(self, caption):
        """The rows of a table, its header first."""
        for table in self.all("table"):
            if table.one("caption").text == caption:
                return [[cell.text for cell in row.children if isinstance(cell, Element)] for row in table.all("tr")]
        raise AssertionError(f"there is no table '{caption}'")

    def cards(self):
        return {card.attributes["data-name"]: card for card in self.all("li", class_="scope")}

    def numbers(self, name):
        """What the card of a scope says of its quantities: "12.5 %"."""
        found = next(self.cards()[name].all("dl"))
        terms, values = [child.text for child in found.all("dt")], [child.text for child in found.all("dd")]
        return dict(zip(terms, values, strict=True))


def picture(image):
    """The pixels of an <img>."""
    kind, data = image.attributes["src"].split(",", 1)
    assert kind == "data:image/jpeg;base64", kind
    return PIL.Image.open(io.BytesIO(base64.b64decode(data, validate=True))).convert("RGB")
