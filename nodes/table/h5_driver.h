// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

namespace flowrun::wsi {

/// The first write to a file that failed.
struct H5WriteFailure {
  int code = 0;  ///< errno; 0: none has
};

/// Makes files opened with these properties go through a driver of ours, for the sake of full disks: when a
/// write fails, libhdf5 can neither close the file nor, at the end, itself (1.10.8 crashes there). For the
/// library no write of this driver fails. From the first that does on, what it writes is kept in memory, and
/// `failure`, which must outlive the file, says so; then nothing may be done but to close the file. Files are
/// byte for byte as those of the library's own driver. Call it with the library locked.
void use_safe_driver(hid_t access_properties, H5WriteFailure& failure);

}  // namespace flowrun::wsi
