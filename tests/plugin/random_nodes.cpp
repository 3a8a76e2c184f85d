// SPDX-License-Identifier: Apache-2.0
// Nodes of every role for random graphs. Each holds just as many bytes as it says that it costs.
#include "random/bundle.h"
#include "random/ends.h"
#include "random/makers.h"
#include "random/maps.h"
#include "random/relay.h"

using namespace flowrun::test;

/// The ledger of this library, for the program that opens it.
extern "C" __attribute__((visibility("default"))) Ledger* flowrun_test_ledger() {
  return &ledger;
}

FLOWRUN_PLUGIN("test_random", "1.0.0", registry) {
  registry.node<Scopes<false>>("scopes").node<Scopes<true>>("rounds").node<Source>("source").node<Split>(
      "split");
  registry.node<Forward>("forward").node<Renew>("renew").node<Change>("change").node<Ask>("ask");
  registry.node<Sieve>("sieve").node<Fork>("fork").node<Join>("join").node<JoinForward>("join_forward");
  registry.node<Gate>("gate").node<Tint>("tint").node<Stamp>("stamp").node<Bundle>("bundle");
  registry.node<Relay>("relay").node<Sink>("sink").node<Record>("record").node<Fold>("fold");
}
