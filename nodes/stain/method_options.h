// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stain_method.h"

namespace flowrun::wsi {

/// Describes the options of a node that is a StainMethod; `methods`: those that it knows.
template <class T>
void describe_method(Description<T>& d, std::vector<std::string> methods) {
  d.option("method", &T::method, "how stains are found").choices(std::move(methods));
  d.option("io", &T::io, "light that glass lets through, grey levels").above(0).at_most(1000);
  d.option("beta", &T::beta, "optical density that a stained pixel has at least in each channel")
      .at_least(0)
      .at_most(5);
  d.option("alpha", &T::alpha, "macenko: percent of the angles beyond each edge").at_least(0).at_most(49);
  d.option("exact", &T::exact,
           "find the angles of stains to 1e-7 radians instead of 2e-4, and maxima to 5e-7 instead of 1e-3; "
           "it changes few pixels, by one grey level");
  d.option("sparsity", &T::sparsity, "vahadane: weight of the sum of concentrations").at_least(0).at_most(10);
  d.option("tolerance", &T::tolerance, "vahadane: ends when no entry of the stain matrix changes by more")
      .above(0);
  d.option("matrix", &T::matrix,
           "ruifrok: a stains.yaml with the colours of hematoxylin and eosin; those of Ruifrok and Johnston, "
           "if not "
           "given");
  d.option("max_rounds", &T::max_rounds, "vahadane: or after so many rounds").at_least(1).at_most(100000);
}

}  // namespace flowrun::wsi
