// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>
#include <flowrun/error.h>
#include <flowrun/version.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace flowrun {

/// A program of its own that a plugin adds to the command line: `flowrun NAME ...`.
struct Command {
  std::string name;
  std::string summary;
  /// Gets the arguments after the name and returns the exit code.
  std::function<int(std::span<const std::string>)> run;
};

/// Collects what a plugin brings.
class Registry {
 public:
  /// `plugin`, `version`: as the plugin's entry says.
  Registry(std::string plugin, std::string version)
      : plugin_(std::move(plugin)), version_(std::move(version)) {}

  /// Adds node type `name` for class T, which has `static void describe(Description<T>&)`.
  template <class T>
  Registry& node(std::string name) {
    NodeType& type = nodes.emplace_back();
    type.name = std::move(name);
    type.plugin = plugin_ + " " + version_;
    Description<T> description(type);
    T::describe(description);
    return *this;
  }
  Registry& command(Command command) { return commands.push_back(std::move(command)), *this; }
  /// Names a library that the nodes work with and its version, as it is loaded: `flowrun --version` tells.
  Registry& library(std::string name_and_version) {
    return libraries.push_back(std::move(name_and_version)), *this;
  }

  const std::string& plugin() const { return plugin_; }
  const std::string& version() const { return version_; }
  std::vector<NodeType> nodes;
  std::vector<Command> commands;
  std::vector<std::string> libraries;

 private:
  std::string plugin_;
  std::string version_;
};

/// The one symbol that a plugin exports. Plain C: the loader reads it, and compares the first four fields,
/// before it calls anything.
struct PluginEntry {
  std::uint32_t magic;   ///< plugin_magic
  std::uint32_t abi;     ///< plugin_abi
  const char* compiler;  ///< FLOWRUN_COMPILER_TAG
  const char* headers;   ///< FLOWRUN_HEADERS_HASH
  const char* name;
  const char* version;
  void (*fill)(Registry&);
};
constexpr std::uint32_t plugin_magic = 0x464c4f57;  // "FLOW"
/// Raised whenever PluginEntry changes, or what an unchanged header of the SDK means.
constexpr std::uint32_t plugin_abi = 4;

#define FLOWRUN_STRINGIZE_(x) #x
#define FLOWRUN_STRINGIZE(x) FLOWRUN_STRINGIZE_(x)
#if defined(__SANITIZE_ADDRESS__)
#define FLOWRUN_SANITIZER_TAG "-asan"
#elif defined(__SANITIZE_THREAD__)
#define FLOWRUN_SANITIZER_TAG "-tsan"
#else
#define FLOWRUN_SANITIZER_TAG ""
#endif
/// Libraries with different tags cannot pass C++ objects to each other.
#define FLOWRUN_COMPILER_TAG                                                     \
  "gxx-abi" FLOWRUN_STRINGIZE(__GXX_ABI_VERSION) "-libstdcxx" FLOWRUN_STRINGIZE( \
      _GLIBCXX_RELEASE) "-cxx11abi" FLOWRUN_STRINGIZE(_GLIBCXX_USE_CXX11_ABI) FLOWRUN_SANITIZER_TAG

}  // namespace flowrun

// flowrun_add_plugin() makes the file, which defines FLOWRUN_HEADERS_HASH: the hash of all headers of the
// SDK.
#ifdef FLOWRUN_HEADERS_HASH_FILE
#include FLOWRUN_HEADERS_HASH_FILE
#endif

/// Defines the entry of a plugin: FLOWRUN_PLUGIN("wsi", "1.0.0", registry) { registry.node<Read>("read"); }
#ifdef FLOWRUN_HEADERS_HASH
#define FLOWRUN_PLUGIN(name, version, registry)                                                  \
  static void flowrun_fill(::flowrun::Registry& registry);                                       \
  extern "C" __attribute__((visibility("default"))) const ::flowrun::PluginEntry flowrun_plugin; \
  extern "C" const ::flowrun::PluginEntry flowrun_plugin = {::flowrun::plugin_magic,             \
                                                            ::flowrun::plugin_abi,               \
                                                            FLOWRUN_COMPILER_TAG,                \
                                                            FLOWRUN_HEADERS_HASH,                \
                                                            name,                                \
                                                            version,                             \
                                                            &flowrun_fill};                      \
  static void flowrun_fill(::flowrun::Registry& registry)
#else
#define FLOWRUN_PLUGIN(name, version, registry)                                                      \
  static_assert(false,                                                                               \
                "the file with FLOWRUN_PLUGIN must be built by CMake's flowrun_add_plugin(), which " \
                "tells it the hash of flowrun's headers");                                           \
  [[maybe_unused]] static void flowrun_fill(::flowrun::Registry& registry)
#endif
