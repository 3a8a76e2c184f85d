// SPDX-License-Identifier: Apache-2.0
#include "nodes/mask/annotation_text.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdlib>
#include <pugixml.hpp>

#include "annotations.h"
#include "nodes/mask/annotation_file.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;
using namespace std::string_literals;

TEST_CASE("every encoding of Unicode, with and without a byte order mark") {
  const AnnotationFile plain = read(corpus("annotations_xml/imagescope.xml"));
  const auto utf16 = [](const std::string& text, bool big) {
    std::string out;
    for (const char c : text) out += big ? std::string{'\0', c} : std::string{c, '\0'};
    return out;
  };
  const std::string text = corpus("annotations_xml/imagescope.xml");
  for (const std::string& same :
       {"\xef\xbb\xbf" + text, "\xff\xfe"s + utf16(text, false), "\xfe\xff"s + utf16(text, true),
        utf16(text, false), utf16(text, true), corpus("annotations_xml/utf16.xml")}) {
    const AnnotationFile file = read(same);
    CHECK(names_of(file) == names_of(plain));
    CHECK(file.regions[3].rings == plain.regions[3].rings);
  }
  CHECK(names_of(read("\xef\xbb\xbf" + corpus("annotations_geojson/feature.geojson"))) ==
        Names{"only n\u00e4me"});
  const std::string named =
      "<Annotations><Annotation Name=\" k\xe4se \"><Regions><Region><Vertices><Vertex X='1' Y='1'/>"
      "<Vertex X='3' Y='1'/><Vertex X='3' Y='5'/></Vertices></Region></Regions></Annotation></Annotations>";
  const AnnotationFile latin = read(named);
  CHECK(names_of(latin) == Names{"k\u00e4se"});
  CHECK(latin.notes == Names{"1 region has a name that is not UTF-8; it was read as Latin-1"});
}

TEST_CASE("files compressed by gzip: in one piece, in several, cut off, damaged") {
  const TemporaryFolder folder;
  const auto compressed = [&](const std::string& text) {
    const auto path = folder / "part.gz";
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
    return read_file(path);
  };
  const auto path = folder / "a.geojson.gz";
  const std::string text = corpus("annotations_geojson/collection.geojson"), whole = compressed(text);
  const AnnotationFile plain = read(text);
  for (const std::string& bytes : {whole, compressed(text.substr(0, 100)) + compressed(text.substr(100))}) {
    write_file(path, bytes);
    const AnnotationFile file = read_annotations(path);
    CHECK(names_of(file) == names_of(plain));
    CHECK(file.regions[1].rings == plain.regions[1].rings);
  }
  write_file(path, compressed(corpus("annotations_xml/imagescope.xml")));
  CHECK(read_annotations(path).regions.size() == 5);
  std::string damaged = whole;
  damaged[damaged.size() / 2] ^= 0x55;
  for (const std::string& bytes :
       {whole.substr(0, whole.size() / 2), whole.substr(0, whole.size() - 3), damaged}) {
    write_file(path, bytes);
    CHECK_THROWS_WITH_AS(read_annotations(path), doctest::Contains("cannot read the annotations: "), Error);
  }
}

TEST_CASE("what a gzip file becomes is leased, and what an XML file's tree takes") {
  const TemporaryFolder folder;
  const auto path = folder / "a";
  gzFile file = gzopen(path.c_str(), "wb9");
  const std::string blanks(1 << 20, ' ');
  gzwrite(file, "[", 1);
  for (int i = 0; i < 100; ++i) gzwrite(file, blanks.data(), 1 << 20);
  gzwrite(file, "]", 1);
  gzclose(file);
  CHECK(std::filesystem::file_size(path) < 1 << 20);
  CHECK(annotation_bytes(path).reading > std::size_t{100} << 20);

  static std::size_t now, most;
  now = most = 0;
  pugi::set_memory_management_functions(
      [](std::size_t size) -> void* {
        auto* const block = static_cast<std::size_t*>(std::malloc(size + 16));
        *block = size;
        most = std::max(most, now += size);
        return block + 2;
      },
      [](void* block) {
        if (!block) return;
        auto* const whole = static_cast<std::size_t*>(block) - 2;
        now -= *whole;
        std::free(whole);
      });
  for (const std::string part :
       {"<a/>", "<a>b</a>", "<a> \n</a>", "<a>\n b<c/>d</a>", "<a b=''/>", "<a b='1' c='2'>> e</a>",
        "<V X='1' Y='1'/>", "<!-- > --><a/>", "<![CDATA[ > x ]]><a/>", "<?p q?><a/>"}) {
    std::string text = "<Annotations>";
    for (int i = 0; i < 100000; ++i) text += part;
    write_file(path, text + "</Annotations>");
    most = 0;
    CHECK_THROWS_AS(read_annotations(path), Error);
    CHECK_MESSAGE(most > 1000000, part);
    CHECK_MESSAGE(most + text.size() < annotation_bytes(path).reading, part);
  }
  pugi::set_memory_management_functions([](std::size_t size) { return std::malloc(size); }, std::free);
}
