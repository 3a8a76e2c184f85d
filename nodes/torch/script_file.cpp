// SPDX-License-Identifier: Apache-2.0
#include "script_file.h"

#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/passes/tensorexpr_fuser.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>

#include "device.h"
#include "unpickler.h"

namespace flowrun::torch_nodes {
namespace {

namespace serialize = caffe2::serialize;

class Bytes final : public serialize::ReadAdapterInterface {
 public:
  explicit Bytes(at::Tensor bytes) : bytes_(std::move(bytes)) {}

  std::size_t size() const override { return bytes_.nbytes(); }
  std::size_t read(std::uint64_t at, void* to, std::size_t count, const char*) const override {
    if (at >= size()) return 0;
    count = std::min<std::size_t>(count, size() - at);
    std::memcpy(to, bytes_.data_ptr<std::uint8_t>() + at, count);
    return count;
  }

 private:
  at::Tensor bytes_;
};

/// Throws Error when its pickles are none that unpickle() reads: of values nested too deep for the stack, for
/// one, which libtorch's own reader does not refuse.
void check_pickles(serialize::PyTorchStreamReader& reader) {
  const StorageReader no_data = [](const std::string&, at::ScalarType, std::int64_t elements) {
    return at::empty({elements}, at::TensorOptions(at::kMeta).dtype(at::kByte));
  };
  for (const std::string& name : reader.getAllRecords())
    if (name.ends_with("pkl")) {
      const auto [pickle, size] = reader.getRecord(name);
      unpickle({static_cast<const char*>(pickle.get()), size}, no_data);
    }
}

/// What `read` makes of the file.
template <class Read>
auto read_from(const ScriptFile& file, const Read& read) {
  try {
    return read(std::make_shared<Bytes>(file.bytes));
  } catch (const c10::Error& problem) {
    throw Error(fmt::format("{} is no TorchScript module that this libtorch can read: {}", file.source,
                            problem.what_without_backtrace()));
  } catch (const Error& problem) {
    throw Error(fmt::format("{} is no TorchScript module: {}", file.source, problem.what()));
  }
}

}  // namespace

torch::jit::Module ScriptFile::module() const {
  // A libtorch with LLVM, as Debian 13's, would compile the module again after its first calls, on one
  // thread, for minutes, and round otherwise from then on.
  torch::jit::setTensorExprFuserEnabled(false);
  return read_from(*this, [](const std::shared_ptr<Bytes>& bytes) {
    serialize::PyTorchStreamReader reader(bytes);
    check_pickles(reader);
    return torch::jit::load(bytes, at::kCPU);
  });
}

std::string ScriptFile::carried(const std::string& name) const {
  return read_from(*this, [&](const std::shared_ptr<Bytes>& bytes) {
    serialize::PyTorchStreamReader reader(bytes);
    if (!reader.hasRecord("extra/" + name)) return std::string();
    const auto [text, size] = reader.getRecord("extra/" + name);
    return std::string(static_cast<const char*>(text.get()), size);
  });
}

torch::jit::Module frozen(torch::jit::Module module, bool fold) {
  try {
    return torch::jit::freeze(module, {}, fold);
  } catch (const c10::Error& problem) {
    if (is_out_of_memory(problem)) throw;
    return module;
  }
}

ScriptFile read_script(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (!in || failed) throw Error(fmt::format("cannot read {}", file.string()));
  ScriptFile out{at::empty({static_cast<std::int64_t>(size)}, at::kByte), file.string()};
  in.read(reinterpret_cast<char*>(out.bytes.data_ptr<std::uint8_t>()), static_cast<std::streamsize>(size));
  if (!in) throw Error(fmt::format("cannot read {}", file.string()));
  return out;
}

}  // namespace flowrun::torch_nodes
