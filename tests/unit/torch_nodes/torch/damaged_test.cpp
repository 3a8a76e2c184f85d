// SPDX-License-Identifier: Apache-2.0
// Weights from files that no program wrote whole. Pickles are written by hand, after
// https://github.com/python/cpython/blob/3.11/Lib/pickletools.py.
#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <flowrun/error.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "nodes/torch/pickle_file.h"
#include "nodes/torch/safetensors.h"
#include "nodes/torch/unpickler.h"

using namespace flowrun;
using namespace flowrun::torch_nodes;
using namespace std::string_literals;

namespace {

c10::IValue read(const std::string& pickle) {
  return unpickle(pickle, [](const std::string&, at::ScalarType type, std::int64_t elements) {
    return at::arange(elements, type);
  });
}

std::string problem(const std::string& pickle) {
  try {
    read(pickle);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

/// A tensor of a storage of six float32.
std::string tensor(const std::string& offset, const std::string& size, const std::string& stride) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\6tQ"s +
         offset + size + stride + "\x89}tR.";
}

struct Archive {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "flowrun_damaged_test.pt";
  Archive() { write_pickle(path, c10::IValue("a text")); }
  ~Archive() { std::filesystem::remove(path); }
  /// Puts bytes into the first entry of the central directory.
  void change(std::size_t at, const std::string& bytes) const {
    std::ifstream in(path, std::ios::binary);
    std::string all{std::istreambuf_iterator<char>(in), {}};
    const auto entry = all.find("PK\1\2");
    REQUIRE(entry != all.npos);
    all.replace(entry + at, bytes.size(), bytes);
    std::ofstream(path, std::ios::binary) << all;
  }
  std::string problem() const {
    try {
      read_pickle(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

}  // namespace

TEST_CASE("a value that lies within itself is refused, whichever way it got there") {
  const std::string words = "broken pickle: a value that changes after its use";
  CHECK(problem("]q\0h\0a."s) == words);                     // l = []; l.append(l)
  CHECK(problem("]q\0]q\1h\0a0h\0h\1a."s) == words);         // m = [l]; l.append(m)
  CHECK(problem("}q\0K\1h\0s."s) == words);                  // d[1] = d
  CHECK(problem("]q\0(h\0ta."s) == words);                   // l.append((l,))
  CHECK(problem("ctorch\nSize\n]\x85q\0Rh\0a."s) == words);  // the list out of a tuple gets the tuple
  CHECK(problem("]q\0q\1(h\1h\0te."s) == "broken pickle: a mark is missing");
}

TEST_CASE("a value that is used twice is no value within itself") {
  const auto list = read("]q\0(]q\1K\5ah\1e."s).toList();  // [m, m] with m = [5]
  REQUIRE(list.size() == 2);
  CHECK(list.get(0).toList().get(0).toInt() == 5);
  CHECK(list.get(1).toList().get(0).toInt() == 5);
}

TEST_CASE("values too deep within each other are refused") {
  CHECK(problem(")" + repeated("\x85", 100000) + ".") == "broken pickle: values too deep within each other");
  CHECK(problem(repeated("]", 100000) + repeated("a", 99999) + ".") ==
        "broken pickle: values too deep within each other");
  // Each list is kept while it is empty, and put into the next one when it is full.
  CHECK(problem("]q\0"s + repeated("0]q\1h\0a0h\1q\0"s, 100000) + ".") ==
        "broken pickle: values too deep within each other");
  CHECK(problem(")" + repeated("\x85", 900) + ".") == "");
}

TEST_CASE("a pickle takes memory in proportion") {
  const std::string many = "broken pickle: it has more than 300000 values";
  CHECK(problem(repeated("N", 400000) + ".") == many);   // on the stack
  CHECK(problem(repeated("]0", 400000) + ".") == many);  // made and dropped
  CHECK(problem(repeated("N", 299999) + ".") == "");
  CHECK(problem(std::string(5 << 20, 'N')) ==
        "broken pickle: it has 5242880 bytes, expected at most 4194304");
  // A name of 100,000 letters that is kept, and recalled 100,000 times.
  CHECK(problem("c" + std::string(100000, 'a') + "\nb\nq\0"s + repeated("h\0"s, 100000) + ".") == "");
}

TEST_CASE("a header of safetensors that goes deep is refused") {
  const auto path = std::filesystem::temp_directory_path() / "flowrun_deep.safetensors";
  const std::uint64_t length = 200000;
  std::ofstream(path, std::ios::binary) << std::string(reinterpret_cast<const char*>(&length), 8)
                                        << repeated("[", 100000) + repeated("]", 100000);
  CHECK_THROWS_WITH(
      read_safetensors(path),
      (path.string() + " is no safetensors file: its header has too much within each other").c_str());
  std::filesystem::remove(path);
}

TEST_CASE("a tensor has elements of its data, each once") {
  CHECK(at::equal(read(tensor("K\1", "K\2\x85", "K\3\x85")).toTensor(), at::tensor({1.F, 4.F})));
  CHECK(read(tensor("K\6", "K\0\x85"s, "K\1\x85")).toTensor().numel() == 0);
  const std::string beyond = "broken pickle: a tensor beyond its data";
  CHECK(problem(tensor("K\1", "K\2\x85", "K\6\x85")) == beyond);
  CHECK(problem(tensor("K\6", "K\1\x85", "K\1\x85")) == beyond);
  const std::string largest = "\x8a\x08" + std::string(7, '\xff') + "\x7f";  // 2^63 - 1
  CHECK(problem(tensor(largest, "K\2\x85", "K\1\x85")) == beyond);
  CHECK(problem(tensor("K\1", "K\2\x85", largest + "\x85")) == beyond);
  CHECK(problem(tensor("K\1", largest + "\x85", largest + "\x85")) == beyond);
  const std::string repeats = "broken pickle: a tensor that repeats its data";
  CHECK(problem(tensor("K\1", largest + "\x85", "K\0\x85"s)) == repeats);
  CHECK(problem(tensor("K\0"s, "K\6K\6K\6\x87", "K\0K\0K\1\x87"s)) == repeats);
}

TEST_CASE("an archive is refused before what it says is allocated") {
  const Archive whole;
  REQUIRE(whole.problem() == "");
  const std::string begin = whole.path.string() + " is no file of torch.save in the zip format: ";
  SUBCASE("an entry larger than the file") {
    whole.change(24, "\xff\xff\xff\x7f");
    CHECK(whole.problem() == begin + "its entries are larger than the file");
  }
  SUBCASE("an entry that is compressed") {
    whole.change(10, "\x08");
    CHECK(whole.problem() == begin + "its entry data.pkl is compressed");
  }
  SUBCASE("entries beyond the directory") {
    whole.change(28, "\xff\xff");
    CHECK(whole.problem() == begin + "its ZIP directory is damaged");
  }
  SUBCASE("the end is missing") {
    std::filesystem::resize_file(whole.path, std::filesystem::file_size(whole.path) - 22);
    CHECK(whole.problem() == begin + "it has no ZIP directory");
  }
  SUBCASE("a letter that became another") {
    whole.change(16, "\1\2\3\4");  // the check sum
    CHECK(whole.problem() ==
          begin +
              "its entry data.pkl is damaged: it has another check sum than the directory says (torch "
              "writes wrong ones after torch.serialization.set_crc32_options(False))");
  }
}
