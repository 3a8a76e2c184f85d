// SPDX-License-Identifier: Apache-2.0
#include "read.h"

#include "nodes/slide/slide_opener.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi {

void Read::describe(Description<Read>& d) {
  d.summary("Opens whole-slide images.")
      .details(
          "Slides are sorted by path and opened one after the other, each when there is memory for it; a "
          "slide is closed when the last packet made from it is gone. Every format of OpenSlide is read, CZI "
          "and "
          "DICOM where flowrun is built with OpenSlide 4; the files of a DICOM series in one folder are one "
          "slide, "
          "with the folder's name; tiled RGB TIFFs (Aperio, generic) without OpenSlide's detour, with the "
          "same pixels: `flowrun "
          "slide` tells which of the two reads a slide. Tiles that a file leaves out are background. A "
          "folder is read with all below it, through links, each slide once; one that is there under a name "
          "with brackets is no pattern. Two slides of one name in different folders get the folders' names "
          "put before theirs. The microns per pixel are those of the list's column mpp, else the option's, "
          "else the file's: of plain TIFFs from their resolution per inch or centimetre, unless that is a "
          "default such as 72 an inch, which counts as unknown. Those that no microscope has are noted.")
      .example("slides: {type: read, path: slides/*.svs}")
      .scope_output<Slide>("slide");
  d.option("path", &Read::path,
           "slide file, glob pattern, folder (with all below it), or list (.txt: a path a line; .csv: a "
           "column 'path' or 'wsi', and perhaps 'mpp', and 'patient', which `epochs` can split by); or "
           "several of these")
      .required()
      .input_list();
  d.option("mpp", &Read::mpp,
           "microns per level-0 pixel, instead of what the file says; a list's column mpp comes before it")
      .above(0)
      .at_most(1000);
  d.option(
       "backend", &Read::backend,
       "what reads pixels: OpenSlide, or libtiff directly (tiled RGB TIFFs only); auto takes the faster one "
       "that can")
      .choices({"auto", "openslide", "tiff"});
  d.option("color", &Read::color,
           "icc: turns pixels from the colours of the slide's ICC profile into sRGB, as pathologists see "
           "them on a "
           "managed screen; what is written from then on is sRGB, and tables and HDF5 files say so (color: "
           "icc). A slide "
           "without a profile is read as it is stored, with a note")
      .choices({"stored", "icc"});
}

void Read::plan(Costs& costs) {
  costs.out("slide", open_slide_bytes);
}

Scopes Read::open(Inputs&) {
  return scopes_of(list_slides(path), slide_options(mpp, backend, color));
}

}  // namespace flowrun::wsi
