// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/testing.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What stands around a node that is tested.
namespace flowrun::testing {

/// Opens the scope that is tested in.
struct OpenOne : Open {
  explicit OpenOne(std::string n) : name(std::move(n)) {}
  Scopes open(Inputs&) override {
    auto names = std::make_shared<std::vector<std::string>>();
    if (!name.empty()) names->push_back(name);
    return {[names]() -> std::optional<NewScope> {
      if (names->empty()) return {};
      NewScope scope{std::move(names->back()), {}, [](Outputs&) {}};
      names->pop_back();
      return scope;
    }};
  }
  std::string name;
};

/// Tells what a node opens.
struct Overhear : Open {
  Overhear(Open& i, std::vector<NewScope>& o) : inner(i), opened(o) {}
  Scopes open(Inputs& in) override {
    Scopes scopes = inner.open(in);
    scopes.next = [next = std::move(scopes.next), &heard = opened]() {
      std::optional<NewScope> scope = next ? next() : std::nullopt;
      if (scope) heard.push_back({scope->name, scope->identity, {}});
      return scope;
    };
    return scopes;
  }
  Open& inner;
  std::vector<NewScope>& opened;
};

/// Stands where packets come from.
struct Feed : Map {
  void process(Inputs&, Outputs&) override {}
};

/// To look at packets with when there is no run.
struct TestScope final : Scope {
  TestScope(std::string k, std::string n) : kind_(std::move(k)), name_(std::move(n)) {}
  const std::string& kind() const override { return kind_; }
  const std::string& name() const override { return name_; }
  bool failed() const override { return false; }
  std::filesystem::path stage(const std::filesystem::path& folder,
                              const std::filesystem::path& unit) const override {
    return folder / unit;
  }
  std::filesystem::path hand_on(const std::filesystem::path& folder,
                                const std::filesystem::path& unit) const override {
    return folder / unit;
  }
  std::string kind_, name_;
};

/// Keeps what comes out of a port.
struct Collect : Map {
  explicit Collect(std::vector<Emitted>& e, std::string p) : emitted(e), port(std::move(p)) {}
  void process(Inputs& in, Outputs&) override {
    const Packet& packet = in.packets().front();
    const std::scoped_lock lock(mutex);
    emitted.push_back({port, packet.index, packet.payload, packet.lease});
  }
  std::mutex mutex;
  std::vector<Emitted>& emitted;
  std::string port;
};

}  // namespace flowrun::testing
