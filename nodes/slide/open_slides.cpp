// SPDX-License-Identifier: Apache-2.0
#include "open_slides.h"

namespace flowrun::wsi {

std::shared_ptr<const Slide> OpenSlides::get(std::uint32_t number) {
  const std::shared_ptr<Entry> entry = find(number);
  std::scoped_lock lock(entry->opening);
  const SlideFile& file = files_.at(number);
  if (!entry->slide) entry->slide = Slide::open(file.path, file.name, {.mpp = file.mpp, .color = file.color});
  return {entry, &*entry->slide};
}

std::shared_ptr<OpenSlides::Entry> OpenSlides::find(std::uint32_t number) {
  std::scoped_lock lock(mutex_);
  if (const auto it = places_.find(number); it != places_.end()) {
    used_.splice(used_.begin(), used_, it->second);
    return *it->second;
  }
  for (auto it = used_.end(); used_.size() >= most_ && it != used_.begin();) {
    --it;
    if (it->use_count() > 1) continue;  // in use: it would stay open all the same, and be opened twice
    places_.erase((*it)->number);
    it = used_.erase(it);
  }
  used_.push_front(std::make_shared<Entry>());
  used_.front()->number = number;
  places_[number] = used_.begin();
  return used_.front();
}

}  // namespace flowrun::wsi
