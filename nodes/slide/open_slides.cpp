// SPDX-License-Identifier: Apache-2.0
#include "open_slides.h"

#include <algorithm>

namespace flowrun::wsi {

void OpenSlides::add(SlideFile file) {
  std::scoped_lock lock(mutex_);
  files_.push_back(std::move(file));
}

std::shared_ptr<const Slide> OpenSlides::get(std::uint32_t number) {
  Entry& entry = take(number);
  const std::shared_ptr<Entry> taken(&entry, [this](Entry* e) { let_go(*e); });
  std::scoped_lock lock(entry.opening);
  const SlideFile& file = *entry.file;
  if (!entry.slide) entry.slide = Slide::open(file.path, file.name, {.mpp = file.mpp, .color = file.color});
  return {taken, &*entry.slide};
}

OpenSlides::Entry& OpenSlides::take(std::uint32_t number) {
  std::unique_lock lock(mutex_);
  const auto entry = [&] { return std::ranges::find(entries_, number, &Entry::number); };
  while (entry() == entries_.end() && entries_.size() >= most_) {
    const auto idle =
        std::find_if(entries_.rbegin(), entries_.rend(), [](const Entry& e) { return e.users == 0; });
    if (idle != entries_.rend())
      entries_.erase(std::next(idle).base());
    else
      became_idle_.wait(lock);
  }
  if (entry() == entries_.end()) {
    const SlideFile& file = files_.at(number);
    Entry& opened = entries_.emplace_front();
    opened.number = number;
    opened.file = &file;
  } else {
    entries_.splice(entries_.begin(), entries_, entry());
  }
  ++entries_.front().users;
  return entries_.front();
}

void OpenSlides::let_go(Entry& entry) {
  {
    std::scoped_lock lock(mutex_);
    --entry.users;
  }
  became_idle_.notify_all();
}

}  // namespace flowrun::wsi
