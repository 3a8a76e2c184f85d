// SPDX-License-Identifier: Apache-2.0
#include "nodes/base/text.h"

#include <doctest/doctest.h>

using namespace flowrun::wsi;

TEST_CASE("blanks around a text go, those within stay") {
  CHECK(trimmed(" \t\r\n\v\fa b\f ") == "a b");
  CHECK(trimmed("") == "");
  CHECK(trimmed(" \n ") == "");
  CHECK(trimmed(", 7 ,", ",") == " 7 ");
}

TEST_CASE("letters of ASCII become small, other bytes stay") {
  CHECK(lower("Slide.SVS@[`{") == "slide.svs@[`{");
  CHECK(lower("\xc3\x84\xc9") == "\xc3\x84\xc9");
}

// Sequences of RFC 3629, section 4, at the ends of each of its ranges and just beyond them.
TEST_CASE("UTF-8 is what RFC 3629 says") {
  for (const char* text : {"", "a\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
                           "gr\xc3\xbc\xc3\x9f"
                           "e"}) {
    CAPTURE(text);
    CHECK(is_utf8(text));
  }
  CHECK(is_utf8(std::string_view("a\0b", 3)));
  for (const char* text :
       {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xc2",
        "\xc2"
        "a",
        "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xe2\x82",
        "\xe2"
        "a\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x90\x80", "a\xff"}) {
    CAPTURE(text);
    CHECK_FALSE(is_utf8(text));
  }
}
