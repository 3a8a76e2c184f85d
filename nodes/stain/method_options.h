// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stain_method.h"

namespace flowrun::wsi {

/// Describes the options of a node that is a StainMethod; `methods`, `peers`: what `method`
/// and `like` may be.
template <class T>
void describe_method(Description<T>& d, std::vector<std::string> methods, std::vector<std::string> peers) {
  d.option("method", &T::method, "how stains are found").choices(std::move(methods));
  d.option("like", &T::like, "the program that what follows is as in, where it is not given; see above")
      .choices(std::move(peers));
  d.option("space", &T::space,
           "reinhard: where mean and deviation are taken; ruderman, if not given: l, alpha, beta as Reinhard "
           "et al.; cielab: L, a, b; cielab_8bit: the same in 8 bit steps of OpenCV")
      .choices({"ruderman", "cielab", "cielab_8bit"});
  d.option(
       "tissue", &T::tissue,
       "pixels that are measured; stained, if not given: see `beta`; luminosity: L of CIELAB below 80 of "
       "100 once the contrast is stretched from the 2nd to the 98th percentile; otsu: darker than Otsu's "
       "threshold of the grey picture in a white frame of 10 pixels, with 2 pixels around that and holes "
       "filled, as histolab finds the tissue of a tile (macenko and vahadane measure the stained pixels of "
       "that; what is transparent in a PNG counts as white); all, with reinhard only. Maxima are always "
       "those of all pixels")
      .choices({"stained", "luminosity", "otsu", "all"});
  d.option(
       "residual", &T::residual,
       "the density at right angles to both stains, which they do not explain: drop, if not given; scale: "
       "its 99th percentile becomes the target's, too, as histolab has it")
      .choices({"drop", "scale"});
  d.option("io", &T::io, "light that glass lets through, grey levels; 240, if not given")
      .above(0)
      .at_most(1000);
  d.option("plus_one", &T::plus_one,
           "optical densities are -ln((p + 1) / io), if not given; false: -ln(p / io) with p of at least 1, "
           "and at least 1e-6");
  d.option("beta", &T::beta,
           "optical density that a stained pixel has at least in each channel; 0.15, if not given")
      .at_least(0)
      .at_most(5);
  d.option("alpha", &T::alpha, "macenko: percent of the angles beyond each edge; 1, if not given")
      .at_least(0)
      .at_most(49);
  d.option("exact", &T::exact,
           "find the angles of stains to 1e-7 radians instead of 2e-4, and maxima to 5e-7 instead of 1e-3; "
           "it changes few pixels, by one grey level");
  d.option("sparsity", &T::sparsity, "vahadane: weight of the sum of concentrations").at_least(0).at_most(10);
  d.option("tolerance", &T::tolerance, "vahadane: ends when no entry of the stain matrix changes by more")
      .above(0);
  d.option("matrix", &T::matrix,
           "ruifrok: a stains.yaml with the colours of hematoxylin and eosin; those of Ruifrok and Johnston, "
           "if not given");
  d.option("max_rounds", &T::max_rounds, "vahadane: or after so many rounds").at_least(1).at_most(100000);
}

}  // namespace flowrun::wsi
