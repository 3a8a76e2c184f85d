// SPDX-License-Identifier: Apache-2.0
#include "../allocations.h"

#include <doctest/doctest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <opencv2/core.hpp>

namespace flowrun::test {
namespace {

thread_local bool counting = false;
thread_local std::ptrdiff_t now = 0, most = 0;

void add(std::ptrdiff_t bytes) {
  if (!counting) return;
  now += bytes;
  most = std::max(most, now);
}

/// OpenCV's own, with a count.
class CountingAllocator final : public cv::MatAllocator {
 public:
  cv::UMatData* allocate(int dims, const int* sizes, int type, void* data, std::size_t* step,
                         cv::AccessFlag flags, cv::UMatUsageFlags usage) const override {
    cv::UMatData* const u = cv::Mat::getStdAllocator()->allocate(dims, sizes, type, data, step, flags, usage);
    u->prevAllocator = u->currAllocator = this;
    if (!data) add(static_cast<std::ptrdiff_t>(u->size));
    return u;
  }
  bool allocate(cv::UMatData* data, cv::AccessFlag flags, cv::UMatUsageFlags usage) const override {
    return cv::Mat::getStdAllocator()->allocate(data, flags, usage);
  }
  void deallocate(cv::UMatData* u) const override {
    if (u && !(u->flags & cv::UMatData::USER_ALLOCATED)) add(-static_cast<std::ptrdiff_t>(u->size));
    cv::Mat::getStdAllocator()->deallocate(u);
  }
};

CountingAllocator counting_allocator;

}  // namespace

Allocations::Allocations() {
  cv::Mat::setDefaultAllocator(&counting_allocator);
  now = most = 0;
  counting = true;
}
Allocations::~Allocations() {
  counting = false;
  cv::Mat::setDefaultAllocator(cv::Mat::getStdAllocator());
}
std::size_t Allocations::peak() const {
  return static_cast<std::size_t>(most);
}

}  // namespace flowrun::test

// Both are replaced together, which g++ does not see.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  void* const memory = std::malloc(bytes);
  if (memory) flowrun::test::add(static_cast<std::ptrdiff_t>(malloc_usable_size(memory)));
  return memory;
}
void* operator new(std::size_t bytes) {
  void* const memory = operator new(bytes, std::nothrow);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  flowrun::test::add(-static_cast<std::ptrdiff_t>(malloc_usable_size(memory)));
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}
#pragma GCC diagnostic pop

TEST_CASE("allocations are counted") {
  flowrun::test::Allocations allocations;
  {
    const auto numbers = std::make_unique<std::array<char, 100'000>>();
    const cv::Mat matrix(100, 200, CV_8UC3);
    CHECK(allocations.peak() >= 160'000);
  }
  const cv::Mat after(10, 10, CV_8UC3);
  CHECK(allocations.peak() < 170'000);
}
