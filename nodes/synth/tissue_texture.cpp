// SPDX-License-Identifier: Apache-2.0
#include "tissue_texture.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "nodes/base/random.h"
#include "noise.h"
#include "nuclei.h"
#include "stain.h"

namespace flowrun::wsi::synth {
namespace {

/// Streams of the seed, one for each random field.
struct Stream {
  enum : std::uint64_t {
    warp_x = 100,
    warp_y,
    bundles,
    fibres,
    fibrils,
    slow,
    gaps,
    nests,
    cytoplasm,
    chromatin,
    grain = 200,   // plus the material's number
    nuclei = 300,  // plus the material's number
  };
};

struct Densities {
  float hematoxylin;
  float eosin;
};

float smooth_step(float from, float to, float value) {
  const float t = std::clamp((value - from) / (to - from), 0.0F, 1.0F);
  return t * t * (3.0F - 2.0F * t);
}

/// The random fields all tissue is mixed from, with wavelengths in microns.
class Fields {
 public:
  Fields(int side, double mpp, std::uint64_t seed) : side_(side), mpp_(mpp), seed_(seed) {}

  /// Wavy fibres: thin ripples whose coordinates are bent by slow noise. Around 0.42, from 0.1 to 0.8.
  float fibre_eosin(float x, float y) const {
    const float bend = static_cast<float>(55.0 / mpp_);
    const float u = x + bend * warp_x_(x, y);
    const float v = y + bend * warp_y_(x, y);
    const float ridge = 1.0F - 2.0F * std::abs(bundles_(u, v));
    const float gap = smooth_step(0.22F, 0.42F, gaps_(u, v));
    const float eosin =
        0.33F + 0.15F * ridge + 0.17F * fibres_(u, v) + 0.16F * fibrils_(u, v) + 0.12F * slow_(x, y);
    return std::max(eosin, 0.12F) * (1.0F - 0.62F * gap);
  }
  float slow(float x, float y) const { return slow_(x, y); }
  /// 1 inside a nest of cells, 0 in the strands between them.
  float nest(float x, float y) const { return smooth_step(-0.44F, -0.26F, nests_(x, y)); }
  float cytoplasm(float x, float y) const { return cytoplasm_(x, y); }
  float chromatin(float x, float y) const { return chromatin_(x, y); }

 private:
  PeriodicNoise noise(double wavelength_x, double wavelength_y, std::uint64_t stream) const {
    return {side_, wavelength_x / mpp_, wavelength_y / mpp_, seed_, stream};
  }

  int side_;
  double mpp_;
  std::uint64_t seed_;
  PeriodicNoise warp_x_ = noise(210, 210, Stream::warp_x);
  PeriodicNoise warp_y_ = noise(210, 170, Stream::warp_y);
  PeriodicNoise bundles_ = noise(90, 14, Stream::bundles);
  PeriodicNoise fibres_ = noise(26, 3.6, Stream::fibres);
  PeriodicNoise fibrils_ = noise(9, 1.7, Stream::fibrils);
  PeriodicNoise slow_ = noise(110, 110, Stream::slow);
  PeriodicNoise gaps_ = noise(120, 17, Stream::gaps);
  PeriodicNoise nests_ = noise(64, 64, Stream::nests);
  PeriodicNoise cytoplasm_ = noise(5, 5, Stream::cytoplasm);
  PeriodicNoise chromatin_ = noise(1.9, 1.9, Stream::chromatin);
};

NucleiStyle nuclei_style(Material material, double mpp) {
  constexpr double any = std::numbers::pi;
  NucleiStyle style{18, 0.50, 7, 12, 0.28, 0.7, 0.75F, 1.15F};
  if (material == Material::tumor) style = {11.5, 0.93, 7, 10.5, 0.65, any, 0.70F, 1.25F};
  if (material == Material::lymphoid) style = {8.2, 0.96, 6, 7.2, 0.8, any, 1.05F, 1.55F};
  style.pitch /= mpp;
  style.smallest /= mpp;
  style.largest /= mpp;
  return style;
}

/// Densities of a material at one pixel, given those of stroma without nuclei there. `nucleus` is the density
/// of the material's nucleus at the pixel, or 0.
Densities mix_densities(Material material, const Fields& fields, Densities stroma, float x, float y,
                        float nucleus) {
  Densities ground = stroma;
  if (material == Material::tumor) {
    const float nest = fields.nest(x, y);
    const float cytoplasm = fields.cytoplasm(x, y);
    ground.hematoxylin += nest * (0.20F + 0.12F * cytoplasm - ground.hematoxylin);
    ground.eosin += nest * (0.30F + 0.16F * cytoplasm - ground.eosin);
    nucleus *= nest;
  } else if (material == Material::lymphoid) {
    ground.hematoxylin = 0.26F + 0.10F * fields.cytoplasm(x, y);
    ground.eosin = 0.5F * ground.eosin + 0.08F;
  }
  if (nucleus <= 0.0F) return ground;
  const float share = std::min(1.0F, nucleus);
  const float speckle = 1.0F + 0.38F * fields.chromatin(x, y);
  return {ground.hematoxylin * (1.0F - share) + nucleus * speckle, ground.eosin * (1.0F - 0.45F * share)};
}

/// About normal, variance 1, from the four 16-bit parts of one draw.
float grain_of(std::uint64_t bits) {
  const auto sum = (bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48);
  constexpr float unit = 1.7320508F / 65536.0F;
  return (static_cast<float>(sum) - 131070.0F) * unit;
}

Swatch empty_swatch(int side) {
  return {side,
          std::vector<std::uint8_t>(static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * 3)};
}

Swatch render_glass(int side, std::uint64_t seed) {
  constexpr float sensor_noise = 0.9F;
  Swatch out = empty_swatch(side);
  Random random(seed, Stream::grain);
  for (std::size_t i = 0; i < out.rgb.size(); i += 3) {
    const float grain = sensor_noise * grain_of(random.bits());
    for (std::size_t c = 0; c < 3; ++c) out.rgb[i + c] = to_byte(glass_light[c] + grain);
  }
  return out;
}

/// Renders all materials but glass, together because the fibres, which take most of the time, are the same.
class TissueRenderer {
 public:
  TissueRenderer(int side, double mpp, std::uint64_t seed) : side_(side), fields_(side, mpp, seed) {
    for (std::uint64_t i = 1; i < material_count; ++i) {
      const auto material = static_cast<Material>(i);
      tissues_.push_back({material,
                          scatter_nuclei(side, nuclei_style(material, mpp), seed, Stream::nuclei + i),
                          Random(seed, Stream::grain + i), empty_swatch(side)});
    }
  }

  void render_into(Swatches& swatches) {
    std::size_t pixel = 0;
    for (int y = 0; y < side_; ++y) {
      for (int x = 0; x < side_; ++x) render_pixel(static_cast<float>(x), static_cast<float>(y), pixel++);
    }
    for (Tissue& tissue : tissues_)
      swatches[static_cast<std::size_t>(tissue.material)] = std::move(tissue.swatch);
  }

 private:
  struct Tissue {
    Material material;
    std::vector<float> nuclei;
    Random grain;
    Swatch swatch;
  };

  void render_pixel(float x, float y, std::size_t pixel) {
    constexpr float sensor_noise = 5.0F;
    const Densities stroma{0.07F + 0.03F * fields_.slow(x, y), fields_.fibre_eosin(x, y)};
    for (Tissue& tissue : tissues_) {
      const Densities at = mix_densities(tissue.material, fields_, stroma, x, y, tissue.nuclei[pixel]);
      const float grain = sensor_noise * grain_of(tissue.grain.bits());
      const Rgb rgb = stains_.colour(at.hematoxylin, at.eosin, grain);
      std::copy(rgb.begin(), rgb.end(), tissue.swatch.rgb.data() + 3 * pixel);
    }
  }

  int side_;
  Fields fields_;
  StainTable stains_;
  std::vector<Tissue> tissues_;
};

Swatch quarter(const Swatch& swatch) {
  Swatch out = empty_swatch(swatch.side / 4);
  std::size_t at = 0;
  for (int y = 0; y < out.side; ++y) {
    for (int x = 0; x < out.side; ++x) {
      for (int c = 0; c < 3; ++c) {
        unsigned sum = 8;  // half of 16: rounds to the nearest
        for (int dy = 0; dy < 4; ++dy) {
          const std::uint8_t* row = swatch.row(4 * y + dy) + 12 * x + c;
          sum += static_cast<unsigned>(row[0]) + row[3] + row[6] + row[9];
        }
        out.rgb[at++] = static_cast<std::uint8_t>(sum / 16);
      }
    }
  }
  return out;
}

}  // namespace

Swatches render_swatches(int side, double mpp, std::uint64_t seed) {
  const double texture_mpp = std::clamp(mpp, 1.0 / 16, 4.0);
  Swatches out;
  out[0] = render_glass(side, seed);
  TissueRenderer(side, texture_mpp, seed).render_into(out);
  return out;
}

Swatches next_level(const Swatches& swatches) {
  Swatches out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = quarter(swatches[i]);
  return out;
}

}  // namespace flowrun::wsi::synth
