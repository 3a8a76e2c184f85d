// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace flowrun::wsi {

/// Without blanks around it.
std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\n\r\f\v");
/// With small letters for A to Z; all other bytes stay.
std::string lower(std::string_view text);
/// Well-formed by RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace flowrun::wsi
