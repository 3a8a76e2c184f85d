// SPDX-License-Identifier: Apache-2.0
#include "pickle_file.h"

#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <torch/csrc/jit/serialization/pickler.h>

#include "unpickler.h"
#include "zip_file.h"
#include "zip_reader.h"

namespace flowrun::torch_nodes {

c10::IValue read_pickle(const std::filesystem::path& file) {
  if (!std::filesystem::is_regular_file(file)) throw Error(fmt::format("there is no file {}", file.string()));
  try {
    ZipReader archive(file);
    std::string pickle(archive.size("data.pkl"), '\0');
    archive.read("data.pkl", pickle.data());
    const StorageReader storage = [&](const std::string& key, at::ScalarType type, std::int64_t elements) {
      const std::string name = "data/" + key;
      const std::uint64_t size = c10::elementSize(type), bytes = archive.size(name);
      if (bytes % size != 0 || elements != static_cast<std::int64_t>(bytes / size))
        throw Error(
            fmt::format("tensor data {} has {} bytes, expected {} times {}", key, bytes, elements, size));
      at::Tensor out = at::empty({elements}, type);
      archive.read(name, static_cast<char*>(out.data_ptr()));
      return out;
    };
    return unpickle(pickle, storage);
  } catch (const std::exception& problem) {
    const std::string what = problem.what();
    throw Error(fmt::format("{} is no file of torch.save in the zip format: {}", file.string(),
                            what.substr(0, what.find('\n'))));
  }
}

bool is_script(const std::filesystem::path& file) {
  try {
    return ZipReader(file).has("constants.pkl");
  } catch (const std::exception&) {
    return false;  // not even a ZIP file
  }
}

void write_pickle(const std::filesystem::path& file, const c10::IValue& value) {
  // As torch::jit::pickle_save, but that holds the whole file in memory, and tells the types of dicts by a
  // function that torch.load with weights_only=True does not take.
  std::string pickle;
  torch::jit::Pickler pickler([&](const char* bytes, std::size_t count) { pickle.append(bytes, count); },
                              nullptr, nullptr, nullptr, nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(value);
  pickler.stop();
  ZipFile out(file);
  caffe2::serialize::PyTorchStreamWriter zip(out.writer());
  zip.writeRecord("data.pkl", pickle.data(), pickle.size());
  for (std::size_t i = 0; i < pickler.tensorData().size(); ++i) {
    const auto tensor = torch::jit::getWriteableTensorData(pickler.tensorData()[i]);
    zip.writeRecord(fmt::format("data/{}", i), tensor.data(), tensor.sizeInBytes());
  }
  zip.writeEndOfFile();
  out.close();
}

c10::IValue to_dict(const NamedTensors& tensors) {
  c10::Dict<std::string, at::Tensor> out;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor here = tensor.detach().to(at::kCPU);
    const bool alone = here.is_non_overlapping_and_dense() && here.storage().nbytes() == here.nbytes();
    out.insert(name, alone ? here : here.clone(at::MemoryFormat::Contiguous));
  }
  return out;
}

std::map<std::string, at::Tensor> to_map(const c10::IValue& dict) {
  std::map<std::string, at::Tensor> out;
  for (const auto& entry : dict.toGenericDict()) out[entry.key().toStringRef()] = entry.value().toTensor();
  return out;
}

}  // namespace flowrun::torch_nodes
