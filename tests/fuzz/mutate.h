// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun::fuzz {

/// Makes broken inputs from good ones. The same seed gives the same inputs.
class Mutator {
 public:
  /// `corpus` is not copied; it must not be empty. No input becomes longer than `most_bytes`.
  Mutator(const std::vector<std::string>& corpus, std::uint64_t seed, std::size_t most_bytes)
      : corpus_(corpus), random_(seed), most_bytes_(most_bytes) {}

  std::string next() {
    std::string input = any_input();
    for (std::size_t left = 1 + below(6); left > 0; --left) {
      change(input);
      if (input.size() > most_bytes_) input.resize(most_bytes_);
    }
    return input;
  }

 private:
  struct Part {
    std::size_t begin, length;
  };

  void change(std::string& input) {
    switch (below(9)) {
      case 0:
        if (!input.empty()) input[below(input.size())] ^= static_cast<char>(1U << below(8));
        break;
      case 1:
        if (!input.empty()) input[below(input.size())] = static_cast<char>(below(256));
        break;
      case 2:
        input.resize(below(input.size() + 1));
        break;
      case 3: {
        const Part part = any_part(input);
        input.erase(part.begin, part.length);
        break;
      }
      case 4:
        repeat(input);
        break;
      case 5:
      case 6:
        swap_number(input);
        break;
      case 7: {
        const std::string& other = any_input();
        const Part part = any_part(other);
        input.insert(below(input.size() + 1), other, part.begin, part.length);
        break;
      }
      default: {
        const std::string& other = any_input();
        input.resize(below(input.size() + 1));
        input.append(other, below(other.size() + 1));
      }
    }
  }

  /// Mostly a few times; sometimes so often that nesting and counts get out of hand.
  void repeat(std::string& input) {
    const Part part = any_part(input);
    const std::string block = input.substr(part.begin, part.length);
    const std::size_t most = block.empty() ? 0 : most_bytes_ / block.size();
    const std::size_t times = std::min(most, below(8) == 0 ? below(most_bytes_) : below(6));
    std::string repeated;
    for (std::size_t i = 0; i < times; ++i) repeated += block;
    input.insert(part.begin, repeated);
  }

  /// A number written in digits becomes another.
  void swap_number(std::string& input) {
    static constexpr std::array<std::string_view, 19> numbers{"0",
                                                              "-0",
                                                              "-1",
                                                              "1",
                                                              "255",
                                                              "256",
                                                              "65536",
                                                              "2147483647",
                                                              "2147483648",
                                                              "4294967296",
                                                              "9223372036854775808",
                                                              "1e9",
                                                              "1e300",
                                                              "-1e400",
                                                              "1e-400",
                                                              "nan",
                                                              "-inf",
                                                              "0x10",
                                                              ""};
    if (input.empty()) return;
    const auto digit = [&](std::size_t i) { return std::isdigit(static_cast<unsigned char>(input[i])) != 0; };
    std::size_t begin = below(input.size());
    while (begin < input.size() && !digit(begin)) ++begin;
    std::size_t end = begin;
    while (end < input.size() && (digit(end) || input[end] == '.')) ++end;
    if (begin < end) input.replace(begin, end - begin, numbers[below(numbers.size())]);
  }

  const std::string& any_input() { return corpus_[below(corpus_.size())]; }
  /// Short ones more often than long ones.
  Part any_part(const std::string& text) {
    const std::size_t begin = below(text.size() + 1);
    const std::size_t rest = text.size() - begin;
    return {begin, std::min(rest, below(std::size_t{1} << below(14)))};
  }
  std::size_t below(std::size_t end) { return end == 0 ? 0 : static_cast<std::size_t>(random_() % end); }

  const std::vector<std::string>& corpus_;
  std::mt19937_64 random_;
  const std::size_t most_bytes_;
};

}  // namespace flowrun::fuzz
