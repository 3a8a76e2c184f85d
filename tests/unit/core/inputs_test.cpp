// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/node.h>

#include <vector>

using namespace flowrun;

namespace {

struct Numbers {
  static constexpr std::string_view packet_type = "test.numbers/1";
  std::vector<int> all;
};

const std::vector<InputSpec> ports{{"numbers", "test.numbers/1"}};

class NoScope final : public Scope {
 public:
  const std::string& kind() const override { return name_; }
  const std::string& name() const override { return name_; }
  bool failed() const override { return false; }
  std::filesystem::path stage(const std::filesystem::path& folder,
                              const std::filesystem::path&) const override {
    return folder;
  }
  std::filesystem::path hand_on(const std::filesystem::path& folder,
                                const std::filesystem::path&) const override {
    return folder;
  }

 private:
  std::string name_ = "test";
};

}  // namespace

TEST_CASE("a payload that nobody else holds is taken, not copied") {
  const NoScope scope;
  ScopeState state;
  Packet packet = Packet::make(Numbers{{1, 2, 3}}, nullptr, 0);
  const int* const memory = static_cast<const Numbers*>(packet.payload.get())->all.data();
  std::vector<Packet> packets;
  packets.push_back(std::move(packet));
  Inputs in(ports, std::move(packets), scope, state);
  const Numbers taken = in.take<Numbers>("numbers");
  CHECK(taken.all == std::vector{1, 2, 3});
  CHECK(taken.all.data() == memory);
  CHECK_FALSE(in.has("numbers"));
  CHECK_THROWS_WITH(in.get<Numbers>("numbers"), "input 'numbers' is not connected");
}

TEST_CASE("a payload that somebody else holds is copied, and theirs stays as it was") {
  const NoScope scope;
  ScopeState state;
  const Packet packet = Packet::make(Numbers{{1, 2, 3}}, nullptr, 0);
  Inputs in(ports, {packet}, scope, state);
  Numbers taken = in.take<Numbers>("numbers");
  taken.all[0] = 7;
  CHECK(static_cast<const Numbers*>(packet.payload.get())->all == std::vector{1, 2, 3});
}
