// SPDX-License-Identifier: Apache-2.0
#include "read.h"

#include "nodes/slide/slide_opener.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi {

void Read::describe(Description<Read>& d) {
  d.summary("Opens whole-slide images.")
      .details(
          "Slides are sorted by path and opened one after the other, each when there is memory for it; a "
          "slide is closed when the last packet made from it is gone. Every format of OpenSlide is read; "
          "tiled JPEG and JPEG 2000 TIFFs (Aperio) without OpenSlide's detour, with the same pixels. Two "
          "slides of one name in different folders get the folders' names put before theirs.")
      .example("slides: {type: read, path: slides/*.svs}")
      .scope_output<Slide>("slide");
  d.option("path", &Read::path,
           "slide file, glob pattern, folder (with all below it), or list (.txt: a path a line; .csv: a "
           "column 'path'); or several of these")
      .required()
      .input_list();
  d.option("mpp", &Read::mpp, "microns per level-0 pixel, instead of what the file says")
      .above(0)
      .at_most(1000);
  d.option("backend", &Read::backend,
           "what reads pixels: OpenSlide, or libtiff directly (tiled JPEG and JPEG 2000 TIFFs only); auto "
           "takes the "
           "faster one that can")
      .choices({"auto", "openslide", "tiff"});
}

void Read::plan(Costs& costs) {
  costs.out("slide", open_slide_bytes);
}

Scopes Read::open(Inputs&) {
  return scopes_of(list_slides(path), mpp, backend_named(backend));
}

}  // namespace flowrun::wsi
