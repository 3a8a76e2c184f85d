// SPDX-License-Identifier: Apache-2.0
#include "safetensors.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

namespace flowrun::torch_nodes {
namespace {

using nlohmann::json;

struct Type {
  const char* name;
  at::ScalarType type;
};
constexpr std::array types{Type{"F64", at::kDouble},    Type{"F32", at::kFloat}, Type{"F16", at::kHalf},
                           Type{"BF16", at::kBFloat16}, Type{"I64", at::kLong},  Type{"I32", at::kInt},
                           Type{"I16", at::kShort},     Type{"I8", at::kChar},   Type{"U8", at::kByte},
                           Type{"BOOL", at::kBool}};

// No header of a real model comes near it; a wrong file's first bytes do. Parsed it takes up to 16 times as
// much, as long as nothing is deep.
constexpr std::uint64_t most_header_bytes = std::uint64_t{4} << 20;
constexpr int most_depth = 3;

class Reader {
 public:
  explicit Reader(const std::filesystem::path& file) : name_(file.string()), in_(file, std::ios::binary) {
    if (!in_) throw Error(fmt::format("cannot open {}", name_));
    size_ = std::filesystem::file_size(file);
  }

  std::map<std::string, at::Tensor> read() {
    std::uint64_t header_bytes = 0;
    in_.read(reinterpret_cast<char*>(&header_bytes), sizeof header_bytes);
    if (!in_ || header_bytes > most_header_bytes || header_bytes + 8 > size_)
      fail("its header is not within the file");
    std::string text(header_bytes, '\0');
    in_.read(text.data(), static_cast<std::streamsize>(header_bytes));
    const auto shallow = [&](int depth, json::parse_event_t, json&) {
      if (depth > most_depth) fail("its header has too much within each other");
      return true;
    };
    const json header = json::parse(text, shallow, false);
    if (!header.is_object()) fail("its header is no JSON object");
    begin_ = 8 + header_bytes;
    std::map<std::string, at::Tensor> out;
    for (const auto& [name, entry] : header.items())
      if (name != "__metadata__") out[name] = tensor(name, entry);
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{} is no safetensors file: {}", name_, what));
  }

  at::Tensor tensor(const std::string& name, const json& entry) {
    try {
      const auto type_name = entry.at("dtype").get<std::string>();
      const auto type =
          std::find_if(types.begin(), types.end(), [&](const Type& t) { return type_name == t.name; });
      if (type == types.end()) fail(fmt::format("tensor {} has the unknown type {}", name, type_name));
      const auto shape = entry.at("shape").get<std::vector<std::int64_t>>();
      const auto from = entry.at("data_offsets").at(0).get<std::uint64_t>();
      const auto to = entry.at("data_offsets").at(1).get<std::uint64_t>();
      std::uint64_t bytes = c10::elementSize(type->type);
      for (const std::int64_t length : shape) {
        if (length < 0 || (length > 0 && bytes > size_ / static_cast<std::uint64_t>(length)))
          fail(fmt::format("tensor {} is larger than the file", name));
        bytes *= static_cast<std::uint64_t>(length);
      }
      if (from > to || to > size_ - begin_ || to - from != bytes)
        fail(fmt::format("tensor {} is not where its header says", name));
      at::Tensor out = at::empty(shape, type->type);
      in_.seekg(static_cast<std::streamoff>(begin_ + from));
      in_.read(static_cast<char*>(out.data_ptr()), static_cast<std::streamsize>(bytes));
      if (!in_) fail(fmt::format("tensor {} could not be read", name));
      return out;
    } catch (const json::exception&) {
      fail(fmt::format("tensor {} has no dtype, shape or data_offsets", name));
    }
  }

  std::string name_;
  std::ifstream in_;
  std::uint64_t size_ = 0, begin_ = 0;
};

}  // namespace

std::map<std::string, at::Tensor> read_safetensors(const std::filesystem::path& file) {
  return Reader(file).read();
}

}  // namespace flowrun::torch_nodes
