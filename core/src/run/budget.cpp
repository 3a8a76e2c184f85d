// SPDX-License-Identifier: Apache-2.0
#include "run/budget.h"

#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace flowrun {

LeasedBytes::LeasedBytes(Budget& budget, Account& account, std::size_t bytes)
    : budget_(&budget), account_(&account), bytes_(bytes) {}

LeasedBytes::LeasedBytes(std::vector<Lease> parts) : parts_(std::move(parts)) {}

LeasedBytes::~LeasedBytes() {
  if (budget_) budget_->give_back(*account_, bytes_, true);
}

void LeasedBytes::shrink_to(std::size_t bytes) {
  if (!budget_ || bytes >= bytes_) return;
  const std::size_t returned = bytes_ - bytes;
  bytes_ = bytes;
  budget_->give_back(*account_, returned, false);
}

Account& Budget::open_account(std::string name, std::size_t need) {
  std::scoped_lock lock(mutex_);
  Account& account = accounts_.emplace_back();
  account.name = std::move(name);
  account.need = need;
  return account;
}

bool Budget::fits(const Request& request) const {
  const Account& own = *request.account;
  if (own.blocked > 0 || own.leases >= own.most_leases) return false;
  std::size_t taken = used_ + request.bytes;
  for (const Account& other : accounts_)
    if (&other != &own && other.need > other.used) taken += other.need - other.used;
  return taken <= total_;
}

Lease Budget::grant(const Request& request) {
  Account& account = *request.account;
  account.used += request.bytes;
  account.leases += 1;
  used_ += request.bytes;
  peak_ = std::max(peak_.load(), used_.load());
  return std::make_shared<LeasedBytes>(*this, account, request.bytes);
}

Lease Budget::take_or_wait(Request request) {
  std::scoped_lock lock(mutex_);
  const auto same = [&](const Request& r) { return r.account == request.account; };
  // Nobody overtakes an older request of the same node, or small ones could starve a large one for ever.
  const bool first = std::none_of(waiting_.begin(), waiting_.end(),
                                  [&](const Request& r) { return same(r) && r.age <= request.age; });
  if (first && fits(request)) return grant(request);
  const auto younger = [](std::uint64_t age, const Request& r) { return age < r.age; };
  waiting_.insert(std::upper_bound(waiting_.begin(), waiting_.end(), request.age, younger),
                  std::move(request));
  return nullptr;
}

void Budget::wake() {
  std::vector<std::pair<Request, Lease>> woken;
  {
    std::scoped_lock lock(mutex_);
    std::set<const Account*> passed_over;
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (passed_over.contains(it->account) || !fits(*it)) {
        passed_over.insert(it->account);
        ++it;
        continue;
      }
      Lease lease = grant(*it);
      woken.emplace_back(std::move(*it), std::move(lease));
      it = waiting_.erase(it);
    }
  }
  for (auto& [request, lease] : woken) request.granted(std::move(lease));
}

void Budget::give_back(Account& account, std::size_t bytes, bool ended) {
  bool anybody = false;
  {
    std::scoped_lock lock(mutex_);
    account.used -= bytes;
    account.leases -= ended;
    used_ -= bytes;
    anybody = !waiting_.empty();
  }
  if (anybody) wake();
}

void Budget::block(Account& account) {
  std::scoped_lock lock(mutex_);
  ++account.blocked;
}

void Budget::unblock(Account& account) {
  {
    std::scoped_lock lock(mutex_);
    --account.blocked;
  }
  wake();
}

std::optional<Budget::Request> Budget::give_up_one(const std::vector<const Account*>& spared) {
  std::scoped_lock lock(mutex_);
  const auto it = std::find_if(waiting_.begin(), waiting_.end(), [&](const Request& r) {
    return std::find(spared.begin(), spared.end(), r.account) == spared.end();
  });
  if (it == waiting_.end()) return {};
  Request request = std::move(*it);
  waiting_.erase(it);
  return request;
}

std::string Budget::describe() const {
  std::scoped_lock lock(mutex_);
  std::string out = fmt::format("of {} leased {}:", format_bytes(total_), format_bytes(used_));
  for (const Account& account : accounts_)
    out +=
        fmt::format(" '{}' holds {} in {} leases;", account.name, format_bytes(account.used), account.leases);
  for (const Request& request : waiting_)
    out += fmt::format(" '{}' waits for {};", request.account->name, format_bytes(request.bytes));
  out.back() = '.';
  return out;
}

}  // namespace flowrun
