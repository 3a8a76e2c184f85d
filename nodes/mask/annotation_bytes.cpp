// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "annotation_text.h"
#include "xml_annotations.h"

namespace flowrun::wsi {
namespace {

// Of a class mask, with their shares of the index. A region has a ring at least.
constexpr std::size_t of_point = 19, of_ring = 112, of_region = 240;

bool is_blank(char c) {
  // Text of two bytes has zeros between its characters.
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/// Counts what a class mask of GeoJSON is made of at most. A list that does not begin with a list may be a
/// point; others may be a ring or what holds rings.
class JsonCount {
 public:
  void add(char c) {
    const bool begins = c == '[';
    lists_ += begins;
    rings_ += begins && begun_;
    begun_ = begins || (begun_ && is_blank(c));
  }
  std::size_t mask() const { return (lists_ - rings_) * of_point + rings_ * of_ring; }
  /// Peaks measured on files of 200 MB, per byte of the file: as they are saved 1.8, with only points 3.7.
  std::size_t reading(std::size_t bytes) const { return std::max(bytes * 4, mask() + bytes) - mask(); }

 private:
  std::size_t lists_ = 0, rings_ = 0;
  bool begun_ = false;
};

/// Counts what the tree of an XML file and a class mask of it are made of at most.
class XmlCount {
 public:
  void add(char c) {
    if (c == '\0') return;
    if (last_ == '<') elements_ += c != '/';
    texts_ += last_solid_ == '>' && c != '<' && !is_blank(c);
    attributes_ += c == '=';
    if (std::isalnum(static_cast<unsigned char>(c))) {
      if (word_.size() < longest) word_ += c;
    } else {
      end_word();
      before_ = c;
      // A digit may be written as a character's number: then it is not looked at.
      ellipses_ += c == '#' && last_ == '&';
    }
    last_ = c;
    if (!is_blank(c)) last_solid_ = c;
  }
  std::size_t mask() const {
    return elements_ * of_point + regions_ * of_region + ellipses_ * most_ellipse_points * of_point;
  }
  /// The text, twice while it is put into UTF-8; then the tree (pugixml 1.13: 64 and 40 bytes, in pages) and
  /// points that are put in order.
  std::size_t reading(std::size_t bytes) const {
    const std::size_t tree = (elements_ + texts_) * 66 + attributes_ * 41, points = elements_ * 24;
    return bytes * 3 / 2 + std::max(bytes, tree + points);
  }

 private:
  static constexpr std::size_t longest = 12;

  void end_word() {
    regions_ += before_ == '<' && (word_ == "Region" || word_ == "Annotation");
    ellipses_ += attribute_ == "Type" && (word_ == "2" || word_ == "Ellipse");
    if (!word_.empty()) attribute_ = std::exchange(word_, {});
  }

  std::size_t elements_ = 0, texts_ = 0, attributes_ = 0, regions_ = 0, ellipses_ = 0;
  std::string word_,
      attribute_;  // being read; the one before, which is an attribute's name if this is a value
  char before_ = 0, last_ = 0, last_solid_ = 0;
};

template <class Count>
AnnotationBytes counted(const std::filesystem::path& file) {
  constexpr std::size_t least = std::size_t{1} << 16;
  Count count;
  std::size_t bytes = 0;
  std::vector<char> part(std::size_t{1} << 16);
  for (FileBytes in(file); const std::size_t came = in.read(part.data(), part.size()); bytes += came)
    for (const char c : std::string_view(part.data(), came)) count.add(c);
  return {count.mask() + least, count.reading(bytes) + least};
}

}  // namespace

AnnotationBytes annotation_bytes(const std::filesystem::path& file) {
  char head[64];
  const std::string_view begin(head, FileBytes(file).read(head, sizeof head));
  constexpr std::string_view marks = "\xef\xbb\xbf\xfe\xff";  // of byte orders
  const auto first = std::ranges::find_if(
      begin, [&](char c) { return !is_blank(c) && marks.find(c) == std::string_view::npos; });
  const bool xml = first != begin.end() && *first == '<';
  return xml ? counted<XmlCount>(file) : counted<JsonCount>(file);
}

}  // namespace flowrun::wsi
