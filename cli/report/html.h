// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace flowrun::cli {

/// A text between tags or within an attribute's double quotes.
std::string escaped(std::string_view text);
std::string base64(std::string_view bytes);
/// Four digits; a dash for what is missing.
std::string in_digits(double number);
/// "1,234,567".
std::string in_groups(unsigned long long number);
/// "slide" -> "slides", "batch" -> "batches".
std::string plural(const std::string& word);
/// "1 slide", "2 slides".
std::string counted(unsigned long long number, const std::string& word);
/// "3 min 20 s".
std::string in_time(double seconds);

}  // namespace flowrun::cli
